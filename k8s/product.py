"""Checks of the chart against the product's sources and binary: every setting arrives, `calls` is what services do."""

import os
import re
import subprocess
import tempfile
import tomllib
from pathlib import Path

import settings
import yaml
from cases import CASES
from render import CHART, VALUES, kinds, overlay, pod_spec, render, values_file
from report import expect, section


def configs(objects):
    """The settings file of each ConfigMap that has one."""
    return {
        thing["metadata"]["name"]: tomllib.loads(thing["data"]["guanxi.toml"])
        for thing in kinds(objects, "ConfigMap")
        if "guanxi.toml" in thing["data"]
    }


def at(file, path):
    """What a settings file says of a path; None where it says nothing."""
    for key in path.split("."):
        file = file.get(key, {}) if isinstance(file, dict) else {}
    return None if file == {} else file


def check_settings_reached():
    """Every setting can be given, for all and for one service, arrives in the file as given, and is taken."""
    section("settings")
    samples = settings.samples()
    base = overlay(values_file("staging"), {"settings": settings.nested(samples)})
    own = overlay(values_file("staging"), {"services": {"loyalty": {"settings": settings.nested(samples)}}})
    every, own = configs(render(base)), configs(render(own))
    for path, value in samples.items():
        for name, file in [*every.items(), ("guanxi-loyalty, its own", own["guanxi-loyalty"])]:
            # A migration needs no Redis.
            given = None if name.endswith("-migrate") and path.startswith("redis.") else value
            expect(at(file, path) == given, f"{path}: {value!r} arrives in {name} as {at(file, path)!r}", "settings")
    expect("jobs" not in own["guanxi-customer"], "settings of loyalty arrive at customer")
    # What the chart looks after itself: proven on the rendered pods.
    deployments = {name: render(values_file(name)) for name in VALUES}
    env = lambda objects: {
        entry["name"] for thing in kinds(objects, "Deployment") for entry in pod_spec(thing)[1]["containers"][0]["env"]
    }
    have = {
        "server.listen": "GUANXI_SERVER__LISTEN",
        "server.admin": "GUANXI_SERVER__ADMIN",
        "database.url": "GUANXI_DATABASE__URL",
        "redis.url": "GUANXI_REDIS__URL",
        "database.data_dir": "GUANXI_DATABASE__DATA_DIR",
    }
    files = [configs(deployments["production"])["guanxi-loyalty"], configs(render(CASES["encrypted"]))["guanxi-loyalty"]]
    other_form = ("auth.key", "database.url_file", "redis.url_file")
    for path in settings.ELSEWHERE:
        named = any(at(file, path) is not None for file in files)
        there = have.get(path, "-") in env(deployments["staging"]) or named or path in other_form
        expect(there, f"{path}: neither a setting of the chart nor set by it", "settings")
    binary = Path(os.environ.get("GUANXI_BIN", settings.ROOT / "target/release/guanxi"))
    if not binary.exists():
        print(f"  not asked: there is no {binary} (GUANXI_BIN names one)")
        return
    for case, values in [("samples", base), *((name, values_file(name)) for name in VALUES)]:
        for name, file in configs(render(values)).items():
            ask_binary(binary, f"{case}: {name}", file, kinds(render(values), "ConfigMap"), name)
    print(f"  {len(samples)} settings, each given for all and for one service; the files taken by {binary}")


def ask_binary(binary, case, file, maps, name):
    """`guanxi migrate` reads and checks a whole file: on SQLite here, with keys made here."""
    text = next(thing for thing in maps if thing["metadata"]["name"] == name)["data"]["guanxi.toml"]
    with tempfile.TemporaryDirectory() as work:
        work = Path(work)
        (work / "key").write_text("0123456789abcdef" * 4)
        (work / "guanxi.toml").write_text(text.replace("/etc/guanxi/auth", str(work)))
        env = {"GUANXI_REDIS__URL": "redis://127.0.0.1:1", "PATH": os.environ["PATH"]}
        if file["auth"]["mode"] == "eddsa":
            subprocess.run(
                ["openssl", "genpkey", "-algorithm", "ed25519", "-out", work / "signing-key"],
                check=True,
                capture_output=True,
            )
            subprocess.run(
                ["openssl", "pkey", "-in", work / "signing-key", "-pubout", "-out", work / "key"],
                check=True,
                capture_output=True,
            )
        asked = [binary, "migrate", "--config", work / "guanxi.toml", "--data-dir", work / "data"]
        ended = subprocess.run(asked, env=env, capture_output=True, text=True)
        expect(
            ended.returncode == 0,
            f"{case}: the binary refuses the file: {ended.stderr.strip()}",
            "files taken by the binary",
        )


def check_calls():
    """`calls` is what the sources do: `for_call("X"` asks, `.consume("X"` asks a producer for a replay."""
    section("calls between services")
    values = yaml.safe_load((CHART / "values.yaml").read_text())["services"]
    expect(
        set(values) == set(settings.services()),
        f"values.yaml has {set(values)}, the sources {set(settings.services())}",
    )
    for service in settings.services():
        text = "".join(path.read_text() for path in (settings.ROOT / "services" / service / "src").rglob("*.rs"))
        does = set(re.findall(r'(?:for_call|\.consume|peers\.to)\(\s*"(\w+)"', text)) - {service}
        expect(
            does == set(values[service]["calls"]),
            f"services.{service}.calls is {values[service]['calls']}, the sources call {sorted(does)}",
        )
        print(f"  {service} → {', '.join(sorted(does))}")
