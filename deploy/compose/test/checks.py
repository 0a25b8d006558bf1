"""What deploy/compose/compose.yaml promises of the containers, asked of the containers themselves."""

import time

from compose import SERVICES, Failed, docker


def all_of(suite):
    """Every check.

    Raises Failed with all that is not as promised."""
    faults = [fault for check in (hardened, unprivileged, migrated, redis_keeps, roles) for fault in check(suite)]
    if faults:
        raise Failed("; ".join(faults))
    print("read-only roots, no capabilities, no new privileges, memory limits, other users than root; migrations done;"
          " Redis append-only and noeviction; a role for each service, which may enter its own database only")


def hardened(suite):
    for name in (*SERVICES, "postgres", "redis"):
        host = suite.inspect(name)["HostConfig"]
        promised = {
            "a read-only root": host["ReadonlyRootfs"],
            "no capabilities": host["CapDrop"] == ["ALL"] and not host["CapAdd"],
            "no new privileges": "no-new-privileges:true" in host["SecurityOpt"],
            "a limit of memory": host["Memory"] > 0,
            "a limit of processes": host["PidsLimit"],
        }
        yield from (f"{name} has not {what}" for what, is_so in promised.items() if not is_so)


def unprivileged(suite):
    for name in (*SERVICES, "postgres", "redis"):
        user = suite.execute(name, "id", "-u").stdout.strip()
        if user != ("10001" if name in SERVICES else "999"):
            yield f"{name} runs as {user}"
        if suite.execute(name, "touch", "/probe", check=False).returncode == 0:
            yield f"{name} can write into its root"


def migrated(suite):
    for name in SERVICES:
        ended = suite.inspect(f"migrate-{name}")["State"]
        if (ended["Status"], ended["ExitCode"]) != ("exited", 0):
            yield f"migrate-{name} is {ended['Status']} with {ended['ExitCode']}"


def redis_keeps(suite):
    for setting, wanted in (("maxmemory-policy", "noeviction"), ("appendonly", "yes")):
        ask = f'REDISCLI_AUTH="$REDIS_PASSWORD" redis-cli config get {setting}'
        if wanted not in suite.execute("redis", "sh", "-c", ask).stdout.split():
            yield f"{setting} of Redis is not {wanted}"
    if "NOAUTH" not in suite.execute("redis", "redis-cli", "ping").stdout:
        yield "Redis answers without a password"


def roles(suite):
    for name in SERVICES:
        for database in (*SERVICES, "postgres", "template1"):
            enter = (f'PGPASSWORD="${name.upper()}_DB_PASSWORD" psql -h 127.0.0.1 -U {name} -d {database}'
                     ' -Atc "select rolsuper or rolcreatedb or rolcreaterole from pg_roles where rolname = user"')
            entered = suite.execute("postgres", "sh", "-c", enter, check=False)
            if name == database and entered.stdout.strip() != "f":
                yield f"the role {name}: {entered.stdout}{entered.stderr}"
            if name != database and "permission denied for database" not in entered.stderr:
                yield f"the role {name} may enter {database}: {entered.stdout}{entered.stderr}"


def stops_in_time(suite):
    """Each service ends well, by itself, within the grace that compose.yaml gives it.

    Raises Failed where one does not."""
    took = {}
    for name in SERVICES:
        since = time.monotonic()
        docker("stop", "--time", "15", suite.id(name))
        took[name] = time.monotonic() - since
        if (code := suite.inspect(name)["State"]["ExitCode"]) != 0:
            raise Failed(f"{name} ended with {code} when it was asked to stop")
    print(", ".join(f"{name} {seconds:.1f} s" for name, seconds in took.items()))
