"""The product's settings as the chart has to know them, read from their sources: a new setting needs no other place.

The runtime's are in defaults.toml, each with its comment; a service's are the fields of `struct Settings` in its
settings.rs. `schema()` makes of them the part of values.schema.json that checks `settings`, and `samples()` a value for
each that is allowed and is not the default.
"""

import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEFAULTS = ROOT / "shared/runtime/src/settings/defaults.toml"

# What the chart looks after itself, and the value that does.
ELSEWHERE = {
    "server.listen": "listenAddress, ports.grpc",
    "server.admin": "listenAddress, ports.admin",
    "auth.mode": "auth.mode",
    "auth.key": "auth.existingSecret (as a file)",
    "auth.key_file": "auth.existingSecret",
    "auth.signing_key_file": "auth.existingSecret",
    "auth.jwks_ca_file": "auth.ca",
    "tls.certificate_file": "tls.existingSecret",
    "tls.key_file": "tls.existingSecret",
    "tls.client_ca_file": "tls.clients",
    "tls.client_required": "tls.clients",
    "tls.peer_ca_file": "tls.existingSecret",
    "tls.peer_certificate_file": "tls.existingSecret",
    "tls.peer_key_file": "tls.existingSecret",
    "database.url": "database.existingSecret",
    "database.url_file": "database.existingSecret (as a variable)",
    "database.ca_file": "database.ca",
    "database.data_dir": "embedded",
    "redis.url": "redis.existingSecret",
    "redis.url_file": "redis.existingSecret (as a variable)",
    "redis.ca_file": "redis.ca",
}
# What types alone do not say.
CHOICES = {"telemetry.log": ["human", "json"]}
SAMPLES = {
    "telemetry.log": "human",
    "telemetry.level": "debug",
    "telemetry.otlp": "http://collector.example:4317",
    "customer.default_region": "BR",
    "events.partitions": 4,
    "server.web_origins": ["https://crm.example", "https://pos.example"],
    "auth.jwks_url": "https://login.example/keys",
    "auth.issuer": "https://login.example",
    "auth.audience": "guanxi",
}
DURATION = re.compile(r"^\d+(ms|s|m|h)")


@dataclass
class Setting:
    path: str
    kind: str  # string, duration, integer, number, boolean, list
    default: object
    doc: str


def services():
    """The names of the services, as their folders say."""
    return sorted(path.parent.parent.name for path in ROOT.glob("services/*/src/settings.rs"))


def all_settings():
    """Every setting of the product."""
    return runtime_settings() + [setting for service in services() for setting in service_settings(service)]


def runtime_settings():
    """Those of defaults.toml, with the comment above each."""
    text = DEFAULTS.read_text()
    values, found, section, comment = tomllib.loads(text), [], "", []
    for line in text.splitlines():
        if header := re.match(r"\[([\w.]+)\]", line):
            section, comment = header[1], []
        elif line.startswith("#"):
            comment.append(line.lstrip("# "))
        elif pair := re.match(r"(\w+) *=", line):
            value = values
            for key in [*section.split("."), pair[1]]:
                value = value[key]
            found.append(Setting(f"{section}.{pair[1]}", kind_of(value), value, " ".join(comment)))
            comment = []
        else:
            comment = []
    return found


def kind_of(value):
    match value:
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case list():
            return "list"
        case str() if DURATION.match(value):
            return "duration"
    return "string"


KINDS = {
    "String": "string",
    "PathBuf": "string",
    "Url": "string",
    "Duration": "duration",
    "bool": "boolean",
    "f64": "number",
}


def service_settings(service):
    """Those of a service: the fields of its `Settings`, with their comments, and the numbers of its `Default`."""
    text = (ROOT / "services" / service / "src/settings.rs").read_text()
    body = re.search(r"pub struct Settings \{(.*?)\n\}", text, re.S)[1]
    defaults = text[text.index("impl Default for Settings") :]
    found, comment = [], []
    for line in body.splitlines():
        line = line.strip()
        if line.startswith("///"):
            comment.append(line.lstrip("/ "))
        elif field := re.match(r"pub (\w+): ([\w<>]+),", line):
            name, rust = field[1], field[2]
            kind = "list" if rust.startswith("Vec<") else KINDS.get(rust, "integer")
            default = re.search(rf"\b{name}: ([^,\n]+?)(?: \}}|,)", defaults)
            found.append(
                Setting(f"{service}.{name}", kind, literal(default[1]) if default else None, " ".join(comment))
            )
            comment = []
    return found


def literal(rust):
    """A default as a value of the file: numbers and durations; what is neither is not needed."""
    rust = rust.replace("_", "")
    if time := re.match(r"Duration::from(secs|millis)\(([\d *]+)\)", rust):
        count = 1
        for factor in time[2].split("*"):
            count *= int(factor)
        return f"{count}{'s' if time[1] == 'secs' else 'ms'}"
    return int(rust) if rust.isdigit() else None


def reached():
    """The settings that values reach under `settings`."""
    return [setting for setting in all_settings() if setting.path not in ELSEWHERE]


def nested(flat):
    """{"server.calls": 1} as {"server": {"calls": 1}}, however deep."""
    root = {}
    for path, value in flat.items():
        *sections, key = path.split(".")
        table = root
        for section in sections:
            table = table.setdefault(section, {})
        table[key] = value
    return root


def schema():
    """What `settings` and `services.NAME.settings` may hold, as JSON Schema."""
    sections = {}
    for setting in reached():
        *above, key = setting.path.split(".")
        table = sections
        for section in above:
            table = table.setdefault(section, section_rule(f"The section [{section}]."))["properties"]
        table[key] = rule(setting)
    sections["peers"] = section_rule("Where services are that this release does not run.")
    sections["peers"]["properties"] = {name: {"type": "string", "pattern": "^https?://"} for name in services()}
    described = "Settings of the product, in the shape of its TOML file. Made by k8s/check.py --write."
    return {**section_rule(described), "properties": sections}


def section_rule(description):
    return {"description": description, "type": "object", "additionalProperties": False, "properties": {}}


def rule(setting):
    rules = {
        "string": {"type": "string"},
        "duration": {"type": "string", "pattern": "^[0-9]"},
        "integer": {"type": "integer", "minimum": 0},
        "number": {"type": "number"},
        "boolean": {"type": "boolean"},
        "list": {"type": "array", "items": {"type": "string"}},
    }[setting.kind]
    if setting.path in CHOICES:
        rules = {"enum": CHOICES[setting.path]}
    return {"description": setting.doc, **rules}


def samples():
    """For each setting that values reach, by its path, a value that is allowed and is not the default."""
    return {setting.path: sample(setting) for setting in reached()}


def sample(setting):
    if setting.path in SAMPLES:
        return SAMPLES[setting.path]
    match setting.kind, setting.default:
        case "integer", int() as number:
            return number + 1
        case "number", float() as number:
            return number / 2
        case "boolean", bool() as yes:
            return not yes
        case "list", _:
            return ['a "quoted" one', "another"]
        case "duration", str() as time:
            return re.sub(r"^\d+", lambda count: str(2 * int(count[0])), time)
    raise SystemExit(f"k8s/settings.py: say in SAMPLES what {setting.path} may be besides {setting.default!r}")


def written(value, indent=0, lead=0):
    """JSON as a person would write it: what fits into a line is one."""
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, (dict, list)) or not value or indent + lead + len(line) < 118:
        return line
    inner = " " * (indent + 2)
    if isinstance(value, list):
        parts = [written(part, indent + 2) for part in value]
    else:
        keys = {key: json.dumps(key, ensure_ascii=False) + ": " for key in value}
        parts = [keys[key] + written(part, indent + 2, len(keys[key])) for key, part in value.items()]
    start, end = "{}" if isinstance(value, dict) else "[]"
    return start + "\n" + ",\n".join(inner + part for part in parts) + "\n" + " " * indent + end
