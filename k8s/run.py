#!/usr/bin/env python3
"""Runs the chart's own pods without a cluster: `make chart-run`, or k8s/run.py [dev] [staging] [production].

The values files are rendered by Helm's engine; podman runs what comes out. Services do not exist there: a pod is named
as its Service, and found by that name. Secrets do not work there: their values are put where they are referred to, as
variables and as files. Probes, migrations and `helm test`, which Kubernetes and Helm do, this script does, as rendered.

Needs root, podman with netavark and aardvark-dns (Debian's packages), the image `guanxi` (make image) and, for staging,
the images of PostgreSQL and Redis that deploy/docker names; images come from Docker, where podman has none.
"""

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import grpc
import yaml
from grpc_health.v1 import health_pb2, health_pb2_grpc
from render import called, kinds, overlay, pod_spec, render, values_file

ROOT = Path(__file__).resolve().parent.parent
NETWORK = "guanxi-chart"
SERVICES = ["customer", "feedback", "logistics", "loyalty"]
# What crun and this machine's limits ask for.
CONTAINERS_CONF = """
[engine]
runtime = "runc"
events_logger = "file"
[containers]
log_driver = "k8s-file"
default_ulimits = ["nofile=20000:20000", "nproc=4096:4096"]
[network]
network_backend = "netavark"
"""
DEADLINE = 60
# What a values file asks for and is not to be had here: a collector (podman's name server answers nobody for seconds
# while it asks elsewhere for a name that it does not know), the operator's databases, and a registry.
ALONE = {"settings": {"telemetry": {"otlp": "http://127.0.0.1:4317"}}}
INSTEAD = {
    "staging": ALONE,
    "production": {
        **ALONE,
        "image": {"repository": "guanxi", "tag": "dev"},
        "database": {"existingSecret": "guanxi-{service}-database", "cloudnativepg": {"enabled": False}},
        "tests": {"existingSecret": "guanxi-test-token"},
    },
}


class Failed(Exception):
    """What went wrong, for a person."""


def say(text):
    print(text, flush=True)


def podman(*asked, check=True, **more):
    ended = subprocess.run(["podman", *map(str, asked)], capture_output=True, text=True, **more)
    if check and ended.returncode:
        shown = " ".join("GUANXI_TOKEN=…" if str(word).startswith("GUANXI_TOKEN=") else str(word) for word in asked)
        raise Failed(f"podman {shown}: {ended.stderr.strip() or ended.stdout.strip()}")
    return ended


def wait_for(what, ask):
    """Asks until the answer is true; its error, or `what`, if that takes too long."""
    since, last = time.monotonic(), None
    while time.monotonic() - since < DEADLINE:
        try:
            if answer := ask():
                return answer
        except (Failed, grpc.RpcError) as error:
            last = error
        time.sleep(0.1)
    raise Failed(f"{what}: not within {DEADLINE} s{f': {last}' if last else ''}")


def image(name, *others):
    """Gives podman the image `name`: Docker's of that name or of one of `others`, else what podman has already."""
    for other in (*others, name):
        docker = subprocess.run(
            ["docker", "image", "inspect", "--format", "{{.Id}}", other], capture_output=True, text=True
        )
        if docker.returncode == 0:
            break
    here = podman("image", "inspect", "--format", "{{.Id}}", name, check=False)
    if docker.returncode and here.returncode:
        raise Failed(
            f"there is no image {name}: run make image, and deploy/docker/local-bases.sh where none can be pulled"
        )
    if docker.returncode or here.stdout.strip() == docker.stdout.strip().removeprefix("sha256:"):
        return
    with subprocess.Popen(["docker", "save", other], stdout=subprocess.PIPE) as saved:
        loaded = podman("load", stdin=saved.stdout)
    podman("tag", loaded.stdout.strip().splitlines()[-1].split(": ", 1)[1], name)
    say(f"  image {name} is Docker's {other}")


class Run:
    """One values file: its pods on a network of their own, and what they need."""

    def __init__(self, name, work):
        self.name, self.work = name, work
        self.values = overlay(values_file(name), INSTEAD.get(name, {}))
        self.objects = render(self.values)
        self.signing = work / f"{name}-signing-key"
        password = {who: secrets.token_hex(8) for who in ["redis", "postgres", *SERVICES]}
        self.password = password
        self.secrets = {
            "guanxi-auth": self.keys(),
            "guanxi-redis": {"url": f"redis://:{password['redis']}@redis:6379"},
            **{
                f"guanxi-{who}-database": {"url": f"postgres://{who}:{password[who]}@postgres:5432/{who}"}
                for who in SERVICES
            },
        }
        self.files, self.claimed, self.made = [], set(), {"postgres-init"}

    def keys(self):
        """What tokens are signed and checked with, as the values want it."""
        if self.values["auth"].get("mode", "hs256") == "hs256":
            self.signing.write_text(secrets.token_hex(32))
            return {"key": self.signing.read_text()}
        made = ["openssl", "genpkey", "-algorithm", "ed25519", "-out", self.signing]
        subprocess.run(made, check=True, capture_output=True)
        asked = ["openssl", "pkey", "-in", self.signing, "-pubout"]
        public = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
        return {"key": public, "signing-key": self.signing.read_text()}

    # What is run.

    def play(self, what, *objects):
        file = self.work / f"{self.name}-{what}.yaml"
        # There are no Services here, and so none that names each pod: a pod has the name of the one with one address.
        file.write_text(re.sub(r"-pods:(\d)", r":\1", yaml.safe_dump_all(objects)))
        if file not in self.files:
            self.files.append(file)
        podman("play", "kube", "--network", NETWORK, file)

    def pod(self, name, metadata, spec):
        """The pod of a Deployment, Job or Pod as podman can run it, and the ConfigMaps that it needs."""
        spec = json.loads(json.dumps(spec))
        maps, claims = [], []
        for volume in spec.get("volumes", []):
            if "configMap" in volume:
                maps.append(
                    next(
                        m
                        for m in kinds(self.objects, "ConfigMap")
                        if m["metadata"]["name"] == volume["configMap"]["name"]
                    )
                )
            if (claim := volume.get("persistentVolumeClaim", {}).get("claimName")) and claim not in self.claimed:
                self.claimed.add(claim)
                claims += [
                    thing
                    for thing in kinds(self.objects, "PersistentVolumeClaim")
                    if thing["metadata"]["name"] == claim
                ]
            if secret := volume.pop("secret", None):
                given = {item["path"]: self.secret(secret["secretName"], item["key"]) for item in secret["items"]}
                stand_in = f"{name}-{volume['name']}-secret"
                maps.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": stand_in}, "data": given})
                volume["configMap"] = {"name": stand_in}
        for container in spec["containers"]:
            container.pop("ports", None)  # podman would publish them on this machine
            for entry in container.get("env", []):
                if source := entry.pop("valueFrom", {}).get("secretKeyRef"):
                    entry["value"] = self.secret(source["name"], source["key"])
            container["args"] = [self.with_addresses(arg) for arg in container.get("args", [])]
        self.made |= {thing["metadata"]["name"] for thing in [*maps, *claims]}
        made = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": metadata["labels"]},
            "spec": spec,
        }
        return [*maps, *claims, made]

    def secret(self, name, key):
        try:
            return self.secrets[name][key]
        except KeyError:
            raise Failed(f"the rendered pods name the Secret {name}, key {key}: nobody made it") from None

    def with_addresses(self, arg):
        """$(GUANXI_LOYALTY_SERVICE_HOST) as the kubelet would give it."""
        for service in kinds(self.objects, "Service"):
            name = service["metadata"]["name"]
            variable = f"$({name.upper().replace('-', '_')}_SERVICE_HOST)"
            if variable in arg:
                arg = arg.replace(variable, self.address(name))
        return arg

    def address(self, pod):
        infra = json.loads(podman("pod", "inspect", pod).stdout)["InfraContainerID"]
        return json.loads(podman("inspect", infra).stdout)[0]["NetworkSettings"]["Networks"][NETWORK]["IPAddress"]

    # The servers beside them.

    def servers(self):
        init = "".join(
            f"CREATE ROLE {who} LOGIN PASSWORD '{self.password[who]}';\nCREATE DATABASE {who} OWNER {who};\n"
            for who in SERVICES
        )
        bases = ROOT / "deploy/docker/.local-bases.env"
        named = (
            dict(line.split("=", 1) for line in bases.read_text().splitlines() if "=" in line) if bases.exists() else {}
        )
        postgres = os.environ.get("POSTGRES_IMAGE") or named.get("POSTGRES_IMAGE", "guanxi-local/postgres:latest")
        redis = os.environ.get("REDIS_IMAGE") or named.get("REDIS_IMAGE", "guanxi-local/redis:latest")
        image(postgres), image(redis)
        start = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "postgres-init"},
            "data": {"init.sql": init},
        }
        pods = [
            server(
                "postgres",
                postgres,
                None,
                {"POSTGRES_PASSWORD": self.password["postgres"]},
                [("init", "/docker-entrypoint-initdb.d", "postgres-init")],
            ),
            server(
                "redis",
                redis,
                [
                    "redis-server",
                    "--protected-mode",
                    "no",
                    "--appendonly",
                    "yes",
                    "--maxmemory-policy",
                    "noeviction",
                    "--requirepass",
                    self.password["redis"],
                ],
                {},
                [],
            ),
        ]
        self.play("servers", start, *pods)
        url = f"postgres://loyalty:{self.password['loyalty']}@127.0.0.1/loyalty"
        wait_for("PostgreSQL", lambda: podman("exec", "postgres-postgres", "psql", url, "-c", "select 1"))
        wait_for(
            "Redis",
            lambda: "PONG" in podman("exec", "redis-redis", "redis-cli", "-a", self.password["redis"], "ping").stdout,
        )
        say("  PostgreSQL (a role and a database for each service) and Redis (with a password) answer")

    def by_address(self, *servers):
        """URLs with addresses. With names, pools that opened many connections at once hung for ten seconds in half
        of the runs; with addresses in none of six. The services find each other by name all the same.
        """
        for secret in self.secrets.values():
            for name in servers:
                secret.update(
                    {key: text.replace(f"@{name}:", f"@{self.address(name)}:") for key, text in secret.items()}
                )

    # What Helm and the kubelet do.

    def to_end(self, thing):
        """Runs a Job or Pod to its end: what it printed, by container."""
        metadata, spec = pod_spec(thing)
        name = thing["metadata"]["name"]
        self.play(name, *self.pod(name, metadata, spec))
        printed = {}
        for container in spec["containers"]:
            whole = f"{name}-{container['name']}"
            wait_for(f"{whole} ends", lambda whole=whole: self.state(whole)["Status"] == "exited")
            code = self.state(whole)["ExitCode"]
            ended = podman("logs", whole)
            if code:
                raise Failed(f"{whole} ended with {code}: {ended.stdout}{ended.stderr}")
            printed[container["name"]] = ended.stdout.strip()
        podman("play", "kube", "--down", self.files.pop(), check=False)
        return printed

    def migrate(self):
        for job in kinds(self.objects, "Job"):
            for text in self.to_end(job).values():
                say(f"  {called(job)}: {text}")

    def start(self, deployment):
        metadata, spec = pod_spec(deployment)
        name = deployment["metadata"]["name"]
        if not any(service["metadata"]["name"] == name for service in kinds(self.objects, "Service")):
            raise Failed(f"{called(deployment)} has no Service of its name")
        since = time.monotonic()
        self.play(name, *self.pod(name, metadata, spec))
        played = time.monotonic()
        self.probe(name, spec["containers"][0], "startupProbe")
        say(
            f"  {name}: ready {time.monotonic() - played:.1f} s after podman had started it "
            f"(which took {played - since:.1f} s); "
            f"user {self.who(name)}, {self.memory(name)}"
        )

    def state(self, container):
        return json.loads(podman("inspect", container).stdout)[0]["State"]

    def who(self, name):
        return json.loads(podman("inspect", f"{name}-guanxi").stdout)[0]["Config"]["User"]

    def memory(self, name):
        return podman("stats", "--no-stream", "--format", "{{.MemUsage}}", f"{name}-guanxi").stdout.strip()

    def probe(self, name, container, probe):
        asked = container[probe]["grpc"]

        def ask():
            state = self.state(f"{name}-guanxi")
            if state["Status"] == "exited":
                log = podman("logs", f"{name}-guanxi")
                raise SystemExit(f"{name} ended with {state['ExitCode']}: {log.stdout}{log.stderr}")
            with grpc.insecure_channel(f"{self.address(name)}:{asked['port']}") as channel:
                answer = health_pb2_grpc.HealthStub(channel).Check(
                    health_pb2.HealthCheckRequest(service=asked["service"]), timeout=2
                )
            return answer.status == health_pb2.HealthCheckResponse.SERVING

        wait_for(f"the {probe} of {name}", ask)

    # A client's view.

    def client(self, *args):
        """A command in a pod of its own on the network, which knows nothing but the names of Services."""
        token = ["-e", f"GUANXI_TOKEN={self.secrets['guanxi-test-token']['token']}"]
        return podman(
            "run", "--rm", "--network", NETWORK, "--read-only", "--cap-drop", "all", *token, "guanxi:dev", *args
        ).stdout

    def endpoints(self):
        found = []
        for deployment in kinds(self.objects, "Deployment"):
            name, component = (
                deployment["metadata"]["name"],
                deployment["metadata"]["labels"]["app.kubernetes.io/component"],
            )
            found += ["--endpoint", f"{'' if component == 'suite' else component + '='}http://{name}:7400"]
        return found

    def go(self):
        say(f"{self.name}:")
        image("guanxi:dev", os.environ.get("GUANXI_IMAGE", "guanxi:latest"))
        key = f"{self.signing}:/key:ro"
        token = podman("run", "--rm", "--user", "0", "-v", key, "guanxi:dev", "token", "--key-file", "/key")
        self.secrets["guanxi-test-token"] = {"token": token.stdout.strip()}
        deployments = kinds(self.objects, "Deployment")
        if kinds(self.objects, "Job"):
            self.servers()
            self.by_address("postgres", "redis")
            self.migrate()
        for deployment in deployments:
            self.start(deployment)
        for deployment in deployments:
            container = pod_spec(deployment)[1]["containers"][0]
            for probe in ("readinessProbe", "livenessProbe"):
                self.probe(deployment["metadata"]["name"], container, probe)
        say("  every gRPC probe answers as rendered")
        for test in kinds(self.objects, "Pod"):
            for container, text in self.to_end(test).items():
                say(f"  helm test, {container}: {' '.join(text.split())[:100]}")
        self.client("generate", "--customers", "50", "--seed", "1", *self.endpoints())
        before = self.summary()
        say(
            f"  loaded through {', '.join(self.endpoints()[1::2])}: {before['customers']} customers, "
            f"{before['orders']} orders, "
            f"{before['packages']} packages, {before['points_earned']} points"
        )
        verified = self.client("verify", *self.endpoints()).strip().splitlines()
        say(f"  verify: {verified[-1]}")
        self.refused()
        self.replace(deployments, before)

    def summary(self):
        return json.loads(self.client("report", "summary", "--json", *self.endpoints()))

    def refused(self):
        ended = podman(
            "run", "--rm", "--network", NETWORK, "guanxi:dev", "report", "summary", *self.endpoints(), check=False
        )
        if ended.returncode == 0:
            raise Failed("a call without a token was answered")
        say(f"  without a token: {ended.stderr.strip().splitlines()[-1][:120]}")

    def replace(self, deployments, before):
        """Each pod is asked to end, within its time, and a new one takes its place: what was acknowledged is there."""
        for deployment in deployments:
            name, grace = deployment["metadata"]["name"], pod_spec(deployment)[1]["terminationGracePeriodSeconds"]
            since = time.monotonic()
            podman("stop", "--time", grace, f"{name}-guanxi")
            took = time.monotonic() - since
            code = self.state(f"{name}-guanxi")["ExitCode"]
            if code:
                raise Failed(f"{name} ended with {code} when it was asked to, after {took:.1f} s of {grace}")
            say(f"  {name}: ended with 0 after {took:.1f} s of {grace}")
            podman("pod", "rm", "--force", name)
            self.start(deployment)
        after = wait_for("the figures", self.summary)
        if after != before:
            raise Failed(f"the figures changed with the pods: {before}, {after}")
        self.client("generate", "--customers", "80", "--seed", "2", *self.endpoints())
        more = self.summary()
        verified = self.client("verify", *self.endpoints()).strip().splitlines()
        say(
            f"  the figures are the same in the new pods, which took {more['orders'] - after['orders']} orders more; "
            f"verify: {verified[-1]}"
        )

    def logs(self):
        for deployment in kinds(self.objects, "Deployment"):
            ended = podman("logs", "--tail", "20", f"{deployment['metadata']['name']}-guanxi", check=False)
            say(f"--- {deployment['metadata']['name']}\n{ended.stdout}{ended.stderr}")

    def down(self):
        for file in reversed(self.files):
            podman("play", "kube", "--down", file, check=False)
        for volume in self.made:
            podman("volume", "rm", "--force", volume, check=False)
        say("  taken down")


def server(name, image_name, args, env, maps):
    container = {
        "name": name,
        "image": image_name,
        "env": [{"name": key, "value": value} for key, value in env.items()],
        "volumeMounts": [{"name": volume, "mountPath": path} for volume, path, _ in maps],
    }
    if args:
        container["args"] = args
    volumes = [{"name": volume, "configMap": {"name": config}} for volume, _, config in maps]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"containers": [container], "volumes": volumes},
    }


def main():
    names = sys.argv[1:] or ["dev", "staging"]
    for program in ("podman", "runc"):
        if not shutil.which(program):
            raise SystemExit(
                f"chart-run: {program} is missing: apt-get install podman netavark aardvark-dns catatonit runc"
            )
    with tempfile.TemporaryDirectory() as work:
        conf = Path(work) / "containers.conf"
        conf.write_text(CONTAINERS_CONF)
        os.environ["CONTAINERS_CONF"] = str(conf)
        podman("network", "rm", "--force", NETWORK, check=False)
        podman("network", "create", NETWORK)
        try:
            for name in names:
                run = Run(name, Path(work))
                try:
                    run.go()
                except (Failed, SystemExit):
                    run.logs()
                    raise
                finally:
                    run.down()
        except Failed as error:
            raise SystemExit(f"chart-run: {error}") from error
        finally:
            podman("network", "rm", "--force", NETWORK, check=False)
    say("chart-run: good")


if __name__ == "__main__":
    main()
