"""Checks of rendered objects: against the schemas of Kubernetes, and of what no schema knows: selectors, ports,
references, and the image's environment.
"""

import re
from functools import lru_cache

import kubernetes_validate
import kubernetes_validate.utils
import settings
from render import called, kinds, pod_spec, workloads
from report import counted, expect, fault

KUBERNETES = ["1.31", "1.33", "1.35"]
OPERATORS = {"ServiceMonitor", "PrometheusRule", "Cluster", "Redis"}
# The same file would be read for each object otherwise.
kubernetes_validate.utils.schema_contents = lru_cache(None)(kubernetes_validate.utils.schema_contents)


def check_objects(case, objects):
    """Everything there is to say of the objects of one rendering."""
    for check in (check_kubernetes, check_identity, check_selectors, check_ports, check_references, check_environment):
        check(case, objects)


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
        expect(
            len(name) <= 63 and re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", name),
            f"{case}: {called(thing)} is no name",
        )
        expect(
            thing["metadata"].get("namespace") == "crm", f"{case}: {called(thing)} is not in the release's namespace"
        )
        for key, label in thing["metadata"]["labels"].items():
            expect(len(str(label)) <= 63, f"{case}: {called(thing)}: label {key} is too long")


def check_selectors(case, objects):
    """Every selector finds pods of the release, and each Deployment only its own."""
    pods = {called(thing): pod_spec(thing)[0]["labels"] for thing in workloads(objects)}
    matching = lambda selector: {name for name, labels in pods.items() if selector.items() <= labels.items()}
    for thing in kinds(objects, "Deployment"):
        expect(
            matching(thing["spec"]["selector"]["matchLabels"]) == {called(thing)},
            f"{case}: {called(thing)} selects other pods than its own",
        )
        for spread in pod_spec(thing)[1].get("topologySpreadConstraints", []):
            expect(
                matching(spread["labelSelector"]["matchLabels"]) == {called(thing)},
                f"{case}: {called(thing)} spreads over other pods",
            )
    for thing in kinds(objects, "Service", "PodDisruptionBudget"):
        selector = thing["spec"]["selector"]
        found = matching(selector.get("matchLabels", selector))
        expect(
            len(found) == 1 and all(name.startswith("Deployment/") for name in found),
            f"{case}: {called(thing)} selects {found or 'nothing'}",
        )
    for thing in kinds(objects, "NetworkPolicy"):
        expect(
            len(matching(thing["spec"]["podSelector"]["matchLabels"])) == 1,
            f"{case}: {called(thing)} applies to no pod, or to several",
        )
    for thing in kinds(objects, "HorizontalPodAutoscaler"):
        target = thing["spec"]["scaleTargetRef"]
        scaled = [d for d in kinds(objects, "Deployment") if d["metadata"]["name"] == target["name"]]
        expect(
            scaled and "replicas" not in scaled[0]["spec"],
            f"{case}: {called(thing)}: its Deployment is missing or sets replicas, too",
        )
    services = kinds(objects, "Service")
    for thing in kinds(objects, "ServiceMonitor"):
        wanted = thing["spec"]["selector"]["matchLabels"].items()
        found = [service for service in services if wanted <= service["metadata"]["labels"].items()]
        expect(
            len(found) == len(kinds(objects, "Deployment")),
            f"{case}: {called(thing)} finds {len(found)} Services: one for each Deployment is right",
        )
        for endpoint in thing["spec"]["endpoints"]:
            for service in found:
                ports = {port["name"] for port in service["spec"]["ports"]}
                expect(
                    endpoint["port"] in ports,
                    f"{case}: {called(thing)} scrapes port {endpoint['port']} of {called(service)}, which has {ports}",
                )


def listens(container):
    """The ports on which the binary is told to listen."""
    env = {entry["name"]: entry.get("value") for entry in container.get("env", [])}
    return {
        int(env[key].rsplit(":", 1)[1]) for key in ("GUANXI_SERVER__LISTEN", "GUANXI_SERVER__ADMIN") if env.get(key)
    }


def check_ports(case, objects):
    """A port that is named anywhere is one on which the binary listens."""
    by_labels = []
    for thing in kinds(objects, "Deployment"):
        metadata, spec = pod_spec(thing)
        (container,) = spec["containers"]
        declared = {port["name"]: port["containerPort"] for port in container["ports"]}
        expect(
            set(declared.values()) == listens(container),
            f"{case}: {called(thing)} declares {declared}, listens on {listens(container)}",
        )
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            asked = container[probe]["grpc"]
            encrypted = any(volume["name"] == "tls" for volume in spec["volumes"])
            plain = declared["admin" if encrypted else "grpc"]
            expect(asked["port"] == plain, f"{case}: {called(thing)}: {probe} asks port {asked['port']}")
            known = {"", *settings.services()} if "serve" == container["args"][0] else set()
            runs = [arg for arg in container["args"][1:] if arg in settings.services()] or settings.services()
            expect(
                asked["service"] in known and (asked["service"] in runs or not asked["service"]),
                f"{case}: {called(thing)}: {probe} asks for {asked['service']!r}",
            )
        by_labels.append((metadata["labels"], declared))
    of = lambda selector: next(
        (ports for labels, ports in by_labels if selector and selector.items() <= labels.items()), {}
    )
    for thing in kinds(objects, "Service"):
        declared = of(thing["spec"]["selector"])
        for port in thing["spec"]["ports"]:
            expect(
                port["port"] == declared.get(port["targetPort"]),
                f"{case}: {called(thing)}: port {port['port']} → {port['targetPort']} is not one of {declared}",
            )
    for thing in kinds(objects, "NetworkPolicy"):
        declared = of(thing["spec"]["podSelector"]["matchLabels"])
        for rule in thing["spec"].get("ingress", []):
            for port in rule["ports"]:
                expect(
                    port["port"] in declared.values(),
                    f"{case}: {called(thing)} opens port {port['port']}, on which nobody listens",
                )
        for rule in thing["spec"].get("egress", []):
            for to in rule.get("to", []):
                theirs = (
                    of((to.get("podSelector") or {}).get("matchLabels", {})) if "namespaceSelector" not in to else {}
                )
                if theirs:
                    expect(
                        {port["port"] for port in rule["ports"]} <= set(theirs.values()),
                        f"{case}: {called(thing)} reaches a port that is not there",
                    )


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
            there, when = (hooks, " before the release") if early else (names, "")
            expect(reference in there, f"{case}: {called(thing)} names {reference}, which is not there{when}")
        for container in spec["containers"]:
            mounted = {mount["name"] for mount in container.get("volumeMounts", [])}
            expect(mounted <= volumes, f"{case}: {called(thing)} mounts {mounted - volumes}, which is no volume")
            if thing["kind"] != "Pod":
                expect(
                    mounted == volumes, f"{case}: {called(thing)} has a volume that nobody mounts: {volumes - mounted}"
                )
            security = container["securityContext"]
            expect(
                security["readOnlyRootFilesystem"] and security["runAsUser"] == 10001,
                f"{case}: {called(thing)} is not restricted",
            )
            for entry in container.get("env", []):
                reference = entry.get("valueFrom", {}).get("secretKeyRef")
                expect(
                    reference is None or (reference["name"] and reference["key"]),
                    f"{case}: {called(thing)}: {entry['name']} names no Secret",
                )
                expect(
                    reference or not re.search("password|secret|token", entry["name"], re.I),
                    f"{case}: {called(thing)}: {entry['name']} is a secret in plain text",
                )


def check_environment(case, objects):
    """What the image's environment sets would go before the file: it sets no setting."""
    dockerfile = settings.ROOT / "deploy/docker/Dockerfile"
    image = set(re.findall(r"\b(GUANXI_\w+__\w+)=", dockerfile.read_text()))
    expect(not image, f"{case}: the image sets {image}: put it into deploy/docker/defaults.toml")
