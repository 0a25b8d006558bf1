"""What check.py renders besides the values files, and what it expects to be refused."""

import settings
from render import overlay, values_file

STAGING = values_file("staging")
DEV = values_file("dev")
PRODUCTION = values_file("production")


def staging(**over):
    return overlay(STAGING, over)


# Everything that the values files leave out, once.
CASES = {
    "redis-operator": staging(
        redis={"existingSecret": "guanxi-redis", "operator": {"enabled": True, "storage": {"storageClass": "fast"}}}
    ),
    "certificates": staging(
        database={"ca": {"existingSecret": "{service}-database-ca"}},
        migrations={"existingSecret": "{service}-owner"},
        networkPolicy={
            "clients": [{"cidr": "10.0.0.0/8"}, {"pods": {"app": "shop"}}],
            "database": {"to": [{"cidr": "10.1.0.5/32"}]},
            "otlp": {"to": [{"namespace": {"kubernetes.io/metadata.name": "monitoring"}, "pods": {"app": "otel"}}]},
        },
    ),
    "encrypted": staging(
        auth={"mode": "jwks", "ca": {"existingSecret": "login-ca"}},
        tls={"existingSecret": "{service}-tls", "clients": "required"},
        database={"ca": {"existingSecret": "{service}-database-ca"}},
        redis={"ca": {"existingSecret": "redis-ca"}},
        settings={
            "auth": {"jwks_url": "https://login.example/keys", "issuer": "https://login.example", "audience": "guanxi"},
            "server": {"web_origins": ["https://crm.example"]},
        },
    ),
    "encrypted-embedded": overlay(DEV, {"tls": {"existingSecret": "guanxi-tls", "clients": "none"}}),
    "one-service": staging(
        services={"customer": {"enabled": False}, "logistics": {"enabled": False}, "feedback": {"enabled": False}},
        settings={
            "peers": {
                "customer": "http://guanxi-customer.elsewhere:7400",
                "logistics": "http://guanxi-logistics.elsewhere:7400",
            }
        },
    ),
    "own-release": staging(
        services={
            "loyalty": {
                "image": {"tag": "0.2.0"},
                "replicas": 3,
                "settings": {"loyalty": {"points_lanes": 4}},
                "database": {"existingSecret": "points"},
                "env": {"RUST_BACKTRACE": "1"},
                "podAnnotations": {"restarted": "once"},
                "podLabels": {"team": "points"},
            }
        }
    ),
    "other-ports": staging(
        ports={"grpc": 9000, "admin": 9001},
        listenAddress="[::]",
        nameOverride="crm",
        commonLabels={"cost-center": "42"},
    ),
    "bare": staging(
        networkPolicy={"enabled": False},
        migrations={"enabled": False},
        tests={"existingSecret": ""},
        serviceAccount={"create": False, "name": "given"},
        monitoring={"serviceMonitor": {"enabled": False}, "prometheusRule": {"enabled": False}},
        workload={
            "disruption": {"enabled": False},
            "topologySpread": [],
            "nodeSelector": {"disk": "ssd"},
            "priorityClassName": "high",
            "tolerations": [{"key": "crm", "operator": "Exists", "effect": "NoSchedule"}],
        },
    ),
    "scaled": overlay(
        PRODUCTION,
        {
            "image": {"digest": "sha256:" + "0" * 64},
            "workload": {"disruption": {"maxUnavailable": "25%"}},
            "services": {"feedback": {"autoscaling": {"enabled": False}}},
        },
    ),
    "given-claim": overlay(DEV, {"embedded": {"storage": {"existingClaim": "given"}}, "fullnameOverride": "relations"}),
}

# name: (values, what the refusal says)
REFUSED = {
    "a typo at the top": (staging(netwrkPolicy={}), ["netwrkPolicy"]),
    "a typo in a service": (staging(services={"loyalty": {"replicsa": 3}}), ["loyalty", "replicsa"]),
    "a service that is none": (staging(services={"loyalti": {"enabled": True}}), ["loyalti"]),
    "a setting that is none": (staging(settings={"server": {"drian": "3s"}}), ["/settings/server", "drian"]),
    "a setting of a service that is none": (
        staging(services={"loyalty": {"settings": {"loyalty": {"points_lane": 3}}}}),
        ["points_lane"],
    ),
    "a setting that the chart looks after": (
        staging(settings={"server": {"listen": "0.0.0.0:1"}}),
        ["/settings/server", "listen"],
    ),
    "a secret in plain text": (
        staging(settings={"database": {"url": "postgres://a:b@c/d"}}),
        ["/settings/database", "url"],
    ),
    "a key in plain text": (staging(settings={"auth": {"key": "x" * 32}}), ["/settings", "auth"]),
    "a secret as a variable": (
        staging(workload={"env": {"GUANXI_REDIS__URL": "redis://x"}}),
        ["env.GUANXI_REDIS__URL", "redis.existingSecret"],
    ),
    "a setting as a variable": (
        staging(services={"loyalty": {"env": {"GUANXI_LOYALTY__POINTS_LANES": "4"}}}),
        ["env.GUANXI_LOYALTY__POINTS_LANES of loyalty"],
    ),
    "a text for a number": (staging(workload={"replicas": "three"}), ["/workload/replicas", "integer"]),
    "a number for a duration": (staging(settings={"server": {"drain": 3}}), ["/settings/server/drain", "string"]),
    "a wrong choice": (staging(auth={"mode": "off"}), ["/auth/mode", "hs256"]),
    "a call of nobody": (
        staging(services={"loyalty": {"calls": ["billing"]}}),
        ["/services/loyalty/calls", "customer"],
    ),
    "no key": (staging(auth={"existingSecret": ""}), ["auth.existingSecret is empty"]),
    "no key for one pod": (overlay(DEV, {"auth": {"existingSecret": ""}}), ["auth.existingSecret is empty"]),
    "no database": (staging(database={"existingSecret": ""}), ["database.existingSecret is empty", "customer"]),
    "no Redis": (staging(redis={"existingSecret": ""}), ["redis.existingSecret is empty"]),
    "no password for the operator": (
        staging(redis={"existingSecret": "", "operator": {"enabled": True}}),
        ["redis.existingSecret is empty", "password"],
    ),
    "a service that runs nowhere": (
        staging(services={"customer": {"enabled": False}}),
        ["settings.peers.customer is missing"],
    ),
    "no service": (staging(services={name: {"enabled": False} for name in settings.services()}), ["none is enabled"]),
    "no time to end": (staging(workload={"preStopSeconds": 30}), ["terminationGracePeriodSeconds"]),
    "bounds of scaling": (
        staging(workload={"autoscaling": {"enabled": True, "minReplicas": 9}}),
        ["autoscaling.minReplicas (9)"],
    ),
    "one port for two": (staging(ports={"admin": 7400}), ["ports.grpc and ports.admin"]),
}
