"""The containers of one run: brought up under a name of their own, looked into, taken away and given back, removed."""

import contextlib
import json
import os
import pathlib
import secrets
import socket
import subprocess
import sys
import time

SERVICES = ("customer", "loyalty", "logistics", "feedback")
HERE = pathlib.Path(__file__).resolve().parent.parent


class Failed(Exception):
    """What was found wrong, for people to read."""


def run(*command, check=True, env=None, patience=180):
    """Runs a command to its end; returns it with what it said."""
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=patience)
    if check and done.returncode != 0:
        raise Failed(f"{' '.join(command)} ended with {done.returncode}: {(done.stdout + done.stderr)[-2000:]}")
    return done


def docker(*arguments, **options):
    return run("docker", *arguments, **options).stdout.strip()


def wait_for(what, condition, patience=60.0):
    """Asks until the condition gives something true, which is returned."""
    end = time.monotonic() + patience
    while True:
        with contextlib.suppress(Failed):
            if answer := condition():
                return answer
        if time.monotonic() > end:
            raise Failed(f"waited {patience:.0f} s in vain: {what}")
        time.sleep(0.1)


def free_ports(count):
    """Ports that nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


class Compose:
    """compose.yaml with layers and compose.test.yaml, under a project name of its own."""

    def __init__(self, export, token, layers=(), scheme="http"):
        self.project = f"guanxi-test-{secrets.token_hex(3)}"
        self.ports = dict(zip(SERVICES, free_ports(len(SERVICES))))
        self._env = os.environ | {f"{name.upper()}_PORT": str(port) for name, port in self.ports.items()}
        self._env |= {"GUANXI_TOKEN": token, "COMPOSE_PROJECT_NAME": self.project}
        if export:
            self._env["GUANXI_EXPORT"] = str(export)
        plugin = run("docker", "compose", "version", check=False).returncode == 0
        self._command = ["docker", "compose"] if plugin else ["docker-compose"]
        self._scheme = scheme
        for file in ("compose.yaml", *layers, "compose.test.yaml"):
            self._command += ["-f", str(HERE / file)]
        self._ids = {}

    def __call__(self, *arguments, **options):
        return run(*self._command, *arguments, env=self._env, **options).stdout.strip()

    def set(self, name, value):
        """A variable of the files."""
        self._env[name] = value

    def up(self, *only):
        """Brings everything up from nothing, or these and what they need; returns after how many seconds every service
        took calls."""
        since = time.monotonic()
        self("up", "-d", *only)
        self._ids.clear()
        for name in (*SERVICES, "postgres", "redis"):
            wait_for(f"{name} is healthy", lambda name=name: self.health(name) == "healthy", 120)
        return time.monotonic() - since

    def down(self):
        """Removes every container, network and volume of the run, in whatever state they are."""
        self._ids.clear()

        def gone():
            # Once more where a container was still being made.
            if containers := self._labelled("ps", "--all"):
                docker("rm", "--force", "--volumes", *containers)
            for kind in ("volume", "network"):
                if found := self._labelled(kind, "ls"):
                    docker(kind, "rm", *found)
            return not self._labelled("ps", "--all")

        wait_for("every container is gone", gone)

    def _labelled(self, *listing):
        return docker(*listing, "--quiet", "--filter", f"label=com.docker.compose.project={self.project}").split()

    def id(self, name):
        """The container of a service, whether it runs or not."""
        if name not in self._ids:
            label = [f"label=com.docker.compose.{key}" for key in (f"project={self.project}", f"service={name}")]
            found = docker("ps", "-aq", "--no-trunc", "--filter", label[0], "--filter", label[1]).split()
            if len(found) != 1:
                raise Failed(f"{name} has {len(found)} containers")
            self._ids[name] = found[0]
        return self._ids[name]

    def inspect(self, name):
        return json.loads(docker("inspect", self.id(name)))[0]

    def health(self, name):
        return self.inspect(name)["State"].get("Health", {}).get("Status")

    def execute(self, name, *command, **options):
        """Runs a command in a container."""
        return run("docker", "exec", self.id(name), *command, **options)

    def guanxi(self, *arguments, **options):
        """Runs a command of the product that calls the services."""
        return self.execute("client", "guanxi", *arguments, *self.endpoints(), **options)

    def begin(self, *arguments):
        """The same, without waiting for its end."""
        command = ["docker", "exec", self.id("client"), "guanxi", *arguments, *self.endpoints()]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def endpoints(self):
        return [word for name in SERVICES for word in ("--endpoint", f"{name}={self._scheme}://{name}:7400")]

    def figures(self):
        return json.loads(self.guanxi("report", "summary", "--json").stdout)

    def networks(self, name):
        """The networks that a container is on."""
        return list(self.inspect(name)["NetworkSettings"]["Networks"])

    def all_in_one(self):
        """Starts a container with all four services, on SQLite in a volume, that ends with the rest; returns its id."""
        image = f"{os.environ.get('GUANXI_IMAGE', 'guanxi')}:{os.environ.get('GUANXI_TAG', 'latest')}"
        options = ["--label", f"com.docker.compose.project={self.project}", "--read-only", "--cap-drop", "ALL"]
        options += ["--security-opt", "no-new-privileges:true", "--memory", "512m", "--mount", "type=volume,dst=/data"]
        options += ["--env", "GUANXI_AUTH__MODE=hs256", "--env", "GUANXI_AUTH__KEY"]
        key = {"GUANXI_AUTH__KEY": os.environ["GUANXI_AUTH_KEY"]}
        return docker("run", "--detach", *options, image, "serve", env=os.environ | key)

    def tell_logs(self, lines=12):
        """Writes the last that each container logged, for who must find out why a test failed."""
        for name in (*SERVICES, "postgres", "redis"):
            with contextlib.suppress(Failed):
                done = run("docker", "logs", "--tail", str(lines), self.id(name), check=False)
                said = (done.stdout + done.stderr).splitlines()
                print(f"--- {name}", *(line[:300] for line in said), sep="\n", file=sys.stderr)
