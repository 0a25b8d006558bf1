"""The chart rendered by Helm's own engine (helm-python-sdk): what check.py checks and run.py runs."""

import copy
from functools import lru_cache
from pathlib import Path

import helm_python
import yaml

HERE = Path(__file__).resolve().parent
CHART = HERE / "charts/guanxi"
RELEASE, NAMESPACE = "guanxi", "crm"
VALUES = sorted(path.stem for path in (HERE / "values").glob("*.yaml"))


class Strict(yaml.SafeLoader):
    """YAML that refuses a key given twice, as Kubernetes' own tools do; PyYAML lets the last one win."""


def mapping(loader, node, deep=False):
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    if twice := {key for key in keys if keys.count(key) > 1}:
        raise yaml.YAMLError(f"given twice: {', '.join(map(str, twice))}{node.start_mark}")
    return yaml.SafeLoader.construct_mapping(loader, node, deep)


Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)


@lru_cache(maxsize=1)
def chart():
    return helm_python.Chart.load(CHART)


def values_file(name):
    """One of k8s/values."""
    return yaml.load((HERE / "values" / f"{name}.yaml").read_text(), Strict)


def render(values, name=RELEASE):
    """The objects, in the order of the templates. Refusals are helm_python.HelmError."""
    found = []
    for template, text in sorted(chart().render(values, name=name, namespace=NAMESPACE, is_install=True).items()):
        if template.endswith(".txt"):
            continue
        try:
            found += [document for document in yaml.load_all(text, Strict) if document]
        except yaml.YAMLError as error:
            raise SystemExit(f"{template} is not YAML: {error}") from error
    return found


def overlay(base, over):
    """`over` laid over `base`, key by key."""
    result = copy.deepcopy(base)
    for key, value in over.items():
        below = result.get(key)
        result[key] = overlay(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result


def kinds(objects, *names):
    return [thing for thing in objects if thing["kind"] in names]


def pod_spec(thing):
    """The pod of what has one, with its labels: (metadata, spec)."""
    if thing["kind"] == "Pod":
        return thing["metadata"], thing["spec"]
    template = thing["spec"]["template"]
    return template["metadata"], template["spec"]


def workloads(objects):
    return kinds(objects, "Deployment", "Job", "Pod")


def called(thing):
    return f"{thing['kind']}/{thing['metadata']['name']}"
