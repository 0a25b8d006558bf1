"""The layers on top of compose.yaml: TLS, and Prometheus. Of the collector, Jaeger and Grafana, for which there are no
stand-ins, the file is only read."""

import json
import subprocess
import urllib.parse
import urllib.request

from compose import HERE, SERVICES, Compose, Failed, free_ports, run, wait_for

LAYERS = ("compose.tls.yaml", "compose.observability.yaml")


def test(folder, token):
    """Everything with both layers: calls from outside and between the services are encrypted, metrics are scraped.

    Raises Failed where something is not as it should be."""
    (folder / "tls").mkdir(mode=0o755)
    certificates(folder / "tls")
    export = folder / "authority"
    export.mkdir(mode=0o755)
    (export / "ca.crt").write_bytes((folder / "tls/ca.crt").read_bytes())
    suite = Compose(export, token, LAYERS, scheme="https")
    suite.set("TLS_DIR", str(folder / "tls"))
    (port,) = free_ports(1)
    suite.set("PROMETHEUS_PORT", str(port))
    try:
        print(f"both layers read: {', '.join(sorted(suite('config', '--services').split()))}")
        print(f"healthy after {suite.up(*SERVICES, 'client', 'prometheus'):.1f} s: the services, and Prometheus")
        encrypted(suite)
        scraped(port)
    except (Failed, subprocess.TimeoutExpired):
        suite.tell_logs()
        raise
    finally:
        suite.down()


def certificates(folder):
    """An authority, and a certificate of it for the name of each service."""
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    ca, key = folder / "ca.crt", folder.parent / "ca.key"
    run(*make, "-keyout", str(key), "-out", str(ca), "-subj", "/CN=authority of a test")
    for name in SERVICES:
        own = ["-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.crt"), "-subj", f"/CN={name}"]
        extensions = ("subjectAltName=DNS:" + name, "basicConstraints=critical,CA:FALSE")
        more = [word for extension in extensions for word in ("-addext", extension)]
        run(*make, *own, "-CA", str(ca), "-CAkey", str(key), *more)
    for file in folder.iterdir():
        # The user in the container must be able to read it.
        file.chmod(0o644)


def encrypted(suite):
    """A load by https endpoints, a view that asks every other service, and nothing without TLS."""
    ca = ("--ca", "/export/ca.crt")
    suite.guanxi("generate", "--customers", "40", "--seed", "1", *ca, patience=300)
    figures = json.loads(suite.guanxi("report", "summary", "--json", *ca).stdout)
    if not all(figures[name] for name in ("orders", "packages", "points_earned", "reviews")):
        raise Failed(f"over TLS the services did not hear of each other: {figures}")
    ask = ["psql", "-U", "customer", "-h", "127.0.0.1", "-Atc", "select customer_id from orders limit 1", "customer"]
    password = 'PGPASSWORD="$CUSTOMER_DB_PASSWORD" exec "$@"'
    customer = suite.execute("postgres", "sh", "-c", password, "sh", *ask).stdout.strip()
    page = suite.guanxi("show", "customer", f"customers/{customer}", *ca).stdout
    if "\npoints" not in page or "\nmissing" in page:
        raise Failed(f"customer does not reach its peers over TLS: {page}")
    verified = suite.guanxi("verify", *ca).stdout.strip().splitlines()[-1]
    print(f"over TLS: {figures['orders']} orders, {figures['points_earned']} points, a customer as all services know it")
    print(f"guanxi verify: {verified}")
    plain = [word.replace("https://", "http://") for word in suite.endpoints()]
    if suite.execute("client", "guanxi", "report", "summary", *plain, check=False).returncode == 0:
        raise Failed("a call without TLS was answered")
    if suite.guanxi("report", "summary", check=False).returncode == 0:
        raise Failed("a certificate of an authority that nobody trusts was believed")
    print("without TLS, and without the authority: refused")


def scraped(port):
    """Prometheus finds every service by name, and has the chart's rules."""

    def ask(what, **query):
        url = f"http://127.0.0.1:{port}/api/v1/{what}?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return json.load(answer)["data"]
        except OSError as error:
            raise Failed(f"{url}: {error}") from error

    def up():
        found = ask("query", query="sum by (service) (up)")["result"]
        return {one["metric"]["service"] for one in found if one["value"][1] == "1"} == set(SERVICES)

    wait_for("Prometheus scrapes every service", up)
    rules = [rule["name"] for group in ask("rules")["groups"] for rule in group["rules"] if rule["type"] == "alerting"]
    known = [line for file in (HERE.parents[1] / "k8s/charts/guanxi/rules").iterdir()
             for line in file.read_text().splitlines() if "alert: " in line]
    if len(rules) != len(known):
        raise Failed(f"Prometheus has {len(rules)} alerts of {len(known)}")
    print(f"Prometheus scrapes {', '.join(SERVICES)}, and has {len(rules)} alerts")
