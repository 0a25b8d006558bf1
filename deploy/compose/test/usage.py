"""What containers use while something goes on: memory, and time of processors; and how soon they are ready."""

import datetime
import json
import threading

from compose import SERVICES, docker

NAMES = (*SERVICES, "postgres", "redis")
UNITS = {"GiB": 1024.0, "MiB": 1.0, "KiB": 1 / 1024, "B": 1 / 1024 / 1024}


class Usage:
    """What the engine says of containers, {name: id}, again and again from `with` to its end."""

    def __init__(self, containers):
        self._names = {number: name for name, number in containers.items()}
        self._cpu = {name: [] for name in containers}
        self._memory = {name: [] for name in containers}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def _look(self):
        # One look takes the engine a second or two, of which it measures the processors.
        ask = ("stats", "--no-stream", "--no-trunc", "--format", "{{.ID}} {{.CPUPerc}} {{.MemUsage}}", *self._names)
        while True:
            for line in docker(*ask).splitlines():
                number, cpu, memory, *_ = line.split()
                self._cpu[self._names[number]].append(float(cpu.removesuffix("%")))
                self._memory[self._names[number]].append(megabytes(memory))
            if self._over.is_set():
                break

    def cpu(self, name):
        """The mean, in hundredths of one processor."""
        return sum(self._cpu[name]) / len(self._cpu[name])

    def memory(self, name):
        """The most megabytes that were seen."""
        return max(self._memory[name])


def of(suite):
    """To be measured: every container of a suite."""
    return Usage({name: suite.id(name) for name in NAMES})


def megabytes(text):
    """Such as `71.3MiB`."""
    return next(float(text.removesuffix(unit)) * factor for unit, factor in UNITS.items() if text.endswith(unit))


def table(columns):
    """Memory and processors of each container while this and that went on: {"idle": Usage, …}."""
    rows = [("", *(f"{what}, MB" for what in columns), *(f"{what}, % of a core" for what in columns))]
    for name in NAMES:
        memory = (f"{usage.memory(name):.0f}" for usage in columns.values())
        rows.append((name, *memory, *(f"{usage.cpu(name):.1f}" for usage in columns.values())))
    return rows


def ready_after(container):
    """Seconds from a container's start until the process in it said that it is ready; None where it has not."""
    began = json.loads(docker("inspect", container))[0]["State"]["StartedAt"]
    said = (line for line in docker("logs", "--timestamps", container).splitlines() if " is ready: " in line)
    return next((instant(line.split()[0]) - instant(began) for line in said), None)


def instant(text):
    """Seconds since 1970 of what the engine writes: up to nine digits of a second, in UTC."""
    whole, _, part = text.removesuffix("Z").partition(".")
    began = datetime.datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=datetime.timezone.utc)
    return began.timestamp() + float(f"0.{part or 0}")
