"""The test of the images and of compose.yaml: see main(). Usage: main.py FOLDER, with export/ in it, and maybe CSV files
in that; PYTHONPATH holds the stubs of the contracts. The environment has what init.sh writes."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import checks
import faults
import layers
import usage
from compose import SERVICES, Compose, Failed, docker, run, wait_for
from probe import Probe

ROOT = pathlib.Path(__file__).resolve().parents[3]
# For how long containers that have nothing to do are looked at.
IDLE = 10.0
# The most megabytes that one container with all four services may take while it is idle.
SMALL = 120
SAMPLE = ("generate", "--customers", "1500", "--seed", "4", "--until", "2026-01-01")


def main(folder):
    begun = time.monotonic()
    export = folder / "export"
    real = any(export.glob("*.csv"))
    load = ("import", "olist", "/export", "--rejects", "/tmp/rejects.csv") if real else SAMPLE
    expected = figures_of(export) if real else None
    suite = Compose(export, token())
    try:
        title("the containers")
        print(f"everything healthy {suite.up():.1f} s after `up`")
        print("ready after", ", ".join(f"{name} {usage.ready_after(suite.id(name)):.1f} s" for name in SERVICES))
        checks.all_of(suite)
        with usage.of(suite) as idle:
            time.sleep(IDLE)

        title("every call, by Python's grpcio")
        every_call(suite)

        title("undisturbed" if real else "undisturbed (the generated sample: no real data here)")
        again(suite)
        since = time.monotonic()
        with usage.of(suite) as loaded:
            print(suite.guanxi(*load, patience=300).stdout.strip())
        print(f"loaded and settled in {time.monotonic() - since:.1f} s")
        undisturbed = suite.figures()
        verify(suite)

        title("with faults")
        again(suite)
        disturbed = with_faults(suite, load, expected or undisturbed)
        verify(suite)
        print(suite.guanxi(*load, patience=300).stdout.strip().splitlines()[-1])
        twice = suite.figures()
        verify(suite)

        title("the figures")
        columns = {"undisturbed": undisturbed, "with faults": disturbed, "and again": twice}
        if expected:
            columns = {"by the files": expected} | columns
        compare(columns)
        title("what each container used, undisturbed")
        show(usage.table({"idle": idle, "import": loaded}))
        title("all four services in one container, on SQLite")
        all_in_one(suite)
        title("shutdown")
        checks.stops_in_time(suite)
        suite.down()
        title("with TLS, and Prometheus")
        layers.test(folder, token())
        print(f"\ncompose-test: passed in {time.monotonic() - begun:.0f} s")
        return 0
    except (Failed, faults.ImportIsOver, subprocess.TimeoutExpired) as failed:
        suite.tell_logs()
        print(f"\ncompose-test: FAILED after {time.monotonic() - begun:.0f} s: {failed}", file=sys.stderr)
        return 1
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        if os.environ.get("KEEP"):
            print(f"kept, as KEEP says: {suite.project}")
        else:
            suite.down()


def all_in_one(suite):
    """How soon it is ready, which depends on what else the machine does; and that it is small while it has nothing to do.

    Raises Failed where it is not."""
    container = suite.all_in_one()
    ready = wait_for("one container with all services is ready", lambda: usage.ready_after(container))
    with usage.Usage({"all": container}) as idle:
        time.sleep(IDLE)
    docker("rm", "--force", "--volumes", container)
    print(f"ready after {ready:.2f} s; idle: {idle.memory('all'):.0f} MB, {idle.cpu('all'):.1f} % of a core")
    if idle.memory("all") > SMALL:
        raise Failed(f"while it is idle it should take no more than {SMALL} MB")


def title(text):
    print(f"\n== {text}", flush=True)


def again(suite):
    """Everything anew, without data."""
    suite.down()
    print(f"everything anew, healthy after {suite.up():.1f} s", flush=True)


def token():
    """A token for everything, signed as the services check it."""
    sys.path.insert(0, str(ROOT / "services/e2e/python"))
    import stubs

    return stubs.token(os.environ["GUANXI_AUTH_KEY"].encode(), subject="compose-test", seconds=7200)


def figures_of(export):
    """What the files themselves come to, by a script that knows nothing of the product."""
    return json.loads(run(sys.executable, str(ROOT / "shared/testkit/src/olist_figures.py"), str(export)).stdout)


def every_call(suite):
    """The tests of services/e2e that see only what a client sees."""
    command = [sys.executable, str(ROOT / "services/e2e/python/every_call.py")]
    for name, port in suite.ports.items():
        command += ["--endpoint", f"{name}=http://127.0.0.1:{port}"]
    key = os.environ | {"GUANXI_AUTH__KEY": os.environ["GUANXI_AUTH_KEY"]}
    done = run(*command, check=False, env=key, patience=300)
    print(done.stdout.strip().splitlines()[-1] if done.stdout.strip() else "")
    if done.returncode != 0:
        raise Failed(f"every_call.py:\n{done.stderr[-4000:]}")


def with_faults(suite, load, expected):
    """The same import while things are taken away and given back; returns what it came to."""
    with Probe(suite.ports, token()) as probe:
        running = faults.Import(suite, load)
        struck = faults.strike(suite, probe, running, expected)
        took = running.end()
        calls = probe.between(running.began, time.monotonic())
        show(faults.table(struck, probe, running))
    failed = sum(1 for call in calls if call.failure)
    quiet = failed - sum(int(row[6]) for row in faults.table(struck, probe, running)[1:])
    print(f"{len(calls)} calls in {took:.0f} s, {failed} failed, {quiet} of them while nothing was away")
    for line in running.given_up:
        print(f"the import gave up and was begun again: {line}")
    print(running.said.strip())
    return suite.figures()


def verify(suite):
    """Every invariant of every service holds."""
    done = suite.guanxi("verify", check=False)
    if done.returncode != 0:
        raise Failed(f"guanxi verify:\n{(done.stdout + done.stderr)[-4000:]}")
    print(f"guanxi verify: {done.stdout.strip().splitlines()[-1]}", flush=True)


def compare(columns):
    """Prints the figures side by side.

    Raises Failed where they are not the same everywhere."""
    first = next(iter(columns.values()))
    names = list(dict.fromkeys(name for figures in columns.values() for name in figures))
    rows = [("", *columns)]
    wrong = []
    for name in names:
        values = [figures.get(name) for figures in columns.values()]
        rows.append((name, *("-" if value is None else f"{value:,}" for value in values)))
        if any(value != first.get(name) for value in values):
            wrong.append(name)
    show(rows)
    if wrong:
        raise Failed(f"the figures differ: {', '.join(wrong)}")
    print("the same everywhere")


def show(rows):
    """Prints rows as a table; the last column is as wide as it likes."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    sys.stdout.flush()


def interrupted(*_):
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, interrupted)
    try:
        sys.exit(main(pathlib.Path(sys.argv[1])))
    except KeyboardInterrupt:
        sys.exit("compose-test: interrupted")
