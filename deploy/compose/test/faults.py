"""What is taken away and given back while an import runs, and what callers saw of it."""

import collections
import contextlib
import time

from compose import docker, wait_for

# For how long something is away. Longer than a call may take; shorter than an import's patience.
AWAY = 1.5
# Milliseconds of a processor that the importer gets in each second, until the next fault and while it lasts: at
# its own pace it would be over before the last one.
QUICK, SLOW, WHOLE = 8, 1, 0
# How soon everything must answer again once it was given back.
PATIENCE = 60.0


@contextlib.contextmanager
def killed(suite, name):
    """As by kill -9, and started again."""
    docker("kill", suite.id(name))
    yield
    docker("start", suite.id(name))


@contextlib.contextmanager
def paused(suite, name):
    """Frozen: connections stay open, and nothing answers."""
    docker("pause", suite.id(name))
    yield
    docker("unpause", suite.id(name))


@contextlib.contextmanager
def disconnected(suite, name):
    """On no network: packets vanish, and nobody is told."""
    networks = suite.networks(name)
    for network in networks:
        docker("network", "disconnect", network, suite.id(name))
    yield
    for network in networks:
        docker("network", "connect", "--alias", name, network, suite.id(name))


@contextlib.contextmanager
def restarted(suite, name):
    """Asked to end as for an upgrade, and started again."""
    docker("restart", "--time", "30", suite.id(name))
    yield


@contextlib.contextmanager
def flushed(suite, name):
    """Forgets everything."""
    suite.execute(name, "sh", "-c", 'REDISCLI_AUTH="$REDIS_PASSWORD" redis-cli flushall')
    yield


# In turns, so that what one fault left behind is still under way when another strikes elsewhere.
FAULTS = [
    ("customer", killed),
    ("redis", flushed),
    ("loyalty", killed),
    ("postgres", killed),
    ("logistics", paused),
    ("feedback", killed),
    ("redis", killed),
    ("customer", disconnected),
    ("loyalty", paused),
    ("logistics", killed),
    ("postgres", restarted),
    ("feedback", disconnected),
    ("redis", paused),
    ("logistics", disconnected),
    ("customer", paused),
    ("loyalty", disconnected),
    ("feedback", paused),
]

Struck = collections.namedtuple("Struck", "name fault share began given_back well")


class Import:
    """A load that runs in the client's container, and is begun again where it gives up."""

    def __init__(self, suite, command):
        self._suite, self._command = suite, command
        self.began, self.given_up = time.monotonic(), []
        self._process = suite.begin(*command)

    def runs(self):
        """Whether it is still at work."""
        if self._process.poll() is None:
            return True
        said = self._process.stdout.read()
        if self._process.returncode == 0:
            self.said = said
            return False
        self.given_up.append(said.strip().splitlines()[-1] if said.strip() else f"exit {self._process.returncode}")
        self._process = self._suite.begin(*self._command)
        return True

    def end(self):
        """Waits for its end; returns after how many seconds it came."""
        wait_for("the import ends", lambda: not self.runs(), 300)
        return time.monotonic() - self.began


def share(figures, expected):
    """How much of what is to come has come."""
    counted = ("customers", "orders", "packages", "delivered", "reviews", "points_earned", "invitations")
    known = [name for name in counted if expected.get(name)]
    return sum(min(1.0, (figures.get(name) or 0) / expected[name]) for name in known) / len(known)


def strike(suite, probe, load, expected):
    """Every fault, each when its part of the import is done; returns what came of each."""
    struck = []
    for number, (name, fault) in enumerate(FAULTS, 1):
        due = number / (len(FAULTS) + 2)

        def come_so_far():
            if not load.runs():
                raise ImportIsOver(f"the import was over before {name} was {fault.__name__}: {load.said}")
            figures = probe.figures()
            return figures and (share(figures, expected), True)

        pace(suite, QUICK)
        reached = 0.0
        while reached < due:
            reached, _ = wait_for("the figures can be asked for", come_so_far)
        pace(suite, SLOW)
        began = time.monotonic()
        with fault(suite, name):
            if fault not in (flushed, restarted):
                time.sleep(AWAY)
            given_back = time.monotonic()
        wait_for(f"every service answers after {name} was {fault.__name__}",
                 lambda: probe.all_well_since(given_back), PATIENCE)
        well = time.monotonic()
        struck.append(Struck(name, fault.__name__, reached, began, given_back, well))
        print(f"  {began - load.began:6.1f} s  of the import {reached:4.0%}  {name} {fault.__name__}", flush=True)
    pace(suite, WHOLE)
    return struck


def pace(suite, milliseconds):
    """Lets the importer go on at this pace; 0 is its own."""
    quota = str(milliseconds * 1000 or -1)
    docker("update", "--cpu-period", "1000000", "--cpu-quota", quota, suite.id("client"))


class ImportIsOver(Exception):
    """Not to be waited out: the machine was quicker than the faults."""


def table(struck, probe, load):
    """What callers saw of each fault: its calls are those from its begin until all was well again."""
    lines = [("at", "of import", "fault", "away", "all well after", "calls", "failed", "why")]
    for each in struck:
        calls = probe.between(each.began, each.well)
        failed = [call for call in calls if call.failure]
        reasons = collections.Counter(f"{call.service} {call.failure}" for call in failed)
        lines.append((
            f"{each.began - load.began:.1f} s", f"{each.share:.0%}", f"{each.name} {each.fault}",
            f"{each.given_back - each.began:.1f} s", f"{each.well - each.given_back:.1f} s", str(len(calls)),
            str(len(failed)), ", ".join(f"{reason} ×{count}" for reason, count in reasons.most_common()) or "-",
        ))
    return lines
