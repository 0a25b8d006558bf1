#!/usr/bin/env python3
"""The dashboards of the chart: what they show, in a form that can be read, and Grafana's JSON made from it.

`k8s/dashboards.py --write` writes k8s/charts/guanxi/dashboards/*.json; `make chart` says when that is missing, and checks
what it finds there. Compose mounts the same files. A panel that is QUIET is empty while all is well; `make telemetry`
runs every query of every other against a Prometheus that scraped a loaded suite, and wants series.
"""

import json
import sys
from pathlib import Path

FOLDER = Path(__file__).parent / "charts/guanxi/dashboards"
# Ends the description of a panel that shows nothing while all is well.
QUIET = "Empty is well."

S = 'guanxi_service=~"$service"'
BAD = 'rpc_response_status_code=~"UNKNOWN|INTERNAL|UNAVAILABLE|DATA_LOSS|DEADLINE_EXCEEDED"'
NOT_OK = 'rpc_response_status_code!="OK"'
FAILED = 'error_type!=""'
CALLS = "rpc_server_call_duration_seconds"
COUNT = f"{CALLS}_count"


def of(series, *where):
    return f"{series}{{{','.join(where)}}}"


def rate(series):
    return f"rate({series}[$__rate_interval])"


def quantile(q, histogram, by, where=S):
    return f"histogram_quantile({q}, sum by (le, {by}) ({rate(histogram + '_bucket{' + where + '}')}))"


def graph(title, unit, *queries, about="", **more):
    return {"type": "timeseries", "title": title, "unit": unit, "queries": queries, "about": about, **more}


def stat(title, unit, *queries, about="", **more):
    return {"type": "stat", "title": title, "unit": unit, "queries": queries, "about": about, "width": 6, **more}


def table(title, unit, *queries, about="", **more):
    return {"type": "table", "title": title, "unit": unit, "queries": queries, "about": about, **more}


# Of each dashboard: its uid, title, and rows of panels. A query is PromQL and its legend.
DASHBOARDS = {
    "calls": (
        "Calls",
        {
            "Services": [
                graph(
                    "Calls",
                    "reqps",
                    (f"sum by (guanxi_service) ({rate(of(COUNT, S))})", "{{guanxi_service}}"),
                ),
                graph(
                    "Failed by our fault",
                    "percentunit",
                    (f"guanxi:call_errors:ratio_rate5m{{{S}}}", "{{guanxi_service}}"),
                    about="UNKNOWN, INTERNAL, UNAVAILABLE, DATA_LOSS, DEADLINE_EXCEEDED, of all; the budget is 0.1 %.",
                ),
                graph(
                    "Latency",
                    "s",
                    (quantile(0.5, CALLS, "guanxi_service"), "{{guanxi_service}} median"),
                    (quantile(0.99, CALLS, "guanxi_service"), "{{guanxi_service}} 99 %"),
                    about="The dots are calls whose traces were exported: each leads to its trace.",
                    exemplars=True,
                ),
                graph(
                    "Calls at work",
                    "short",
                    ("sum by (rpc_method) (guanxi_rpc_active_calls) > 0", "{{rpc_method}}"),
                    about="Streams are calls, too: watches stay open.",
                ),
            ],
            "Methods": [
                graph(
                    "Calls by method",
                    "reqps",
                    (f"topk(15, sum by (rpc_method) ({rate(of(COUNT, S))}))", "{{rpc_method}}"),
                ),
                graph(
                    "Slowest methods, 99 %",
                    "s",
                    (f"topk(15, {quantile(0.99, CALLS, 'rpc_method')})", "{{rpc_method}}"),
                    exemplars=True,
                ),
                graph(
                    "What was not OK",
                    "reqps",
                    (
                        "sum by (rpc_method, rpc_response_status_code) "
                        f"({rate(of(COUNT, S, NOT_OK))})",
                        "{{rpc_response_status_code}} {{rpc_method}}",
                    ),
                    about=f"What callers did wrong is among it. {QUIET}",
                ),
                graph(
                    "Our faults by method",
                    "reqps",
                    (
                        f"sum by (rpc_method, rpc_response_status_code) ({rate(of(COUNT, S, BAD))})",
                        "{{rpc_response_status_code}} {{rpc_method}}",
                    ),
                    about=QUIET,
                ),
            ],
        },
    ),
    "events": (
        "Events",
        {
            "Producers": [
                graph(
                    "Events sent",
                    "short",
                    (
                        f"sum by (messaging_destination_name) ({rate('messaging_client_sent_messages_total')})",
                        "{{messaging_destination_name}}",
                    ),
                    about="A second, by the service that tells.",
                ),
                graph(
                    "Outbox: events waiting",
                    "short",
                    (f"max by (guanxi_service) (guanxi_outbox_waiting{{{S}}})", "{{guanxi_service}}"),
                ),
                graph(
                    "Outbox: age of the oldest",
                    "s",
                    (f"max by (guanxi_service) (guanxi_outbox_age_seconds{{{S}}})", "{{guanxi_service}}"),
                ),
            ],
            "Consumers": [
                graph(
                    "Events handled",
                    "short",
                    (
                        "sum by (guanxi_service, messaging_destination_name) "
                        f"({rate(of('messaging_client_consumed_messages_total', S))})",
                        "{{guanxi_service}} of {{messaging_destination_name}}",
                    ),
                    about="A second.",
                ),
                graph(
                    "Lag",
                    "short",
                    (
                        "sum by (guanxi_service, messaging_destination_name) (max by (guanxi_service, "
                        f"messaging_destination_name, messaging_destination_partition_id) (guanxi_consumer_lag{{{S}}}))",
                        "{{guanxi_service}} behind {{messaging_destination_name}}",
                    ),
                    about="Events between a consumer and the heads of all partitions.",
                ),
                graph(
                    "Lag of the worst partition",
                    "short",
                    (
                        f"max by (guanxi_service, messaging_destination_name) (guanxi_consumer_lag{{{S}}})",
                        "{{guanxi_service}} behind {{messaging_destination_name}}",
                    ),
                ),
                graph(
                    "Time of a transaction, 99 %",
                    "s",
                    (
                        quantile(0.99, "messaging_process_duration_seconds", "guanxi_service"),
                        "{{guanxi_service}}",
                    ),
                ),
                graph(
                    "Transactions that failed",
                    "short",
                    (
                        "sum by (guanxi_service, messaging_destination_name) "
                        f"({rate(of('messaging_process_duration_seconds_count', S, FAILED))})",
                        "{{guanxi_service}} of {{messaging_destination_name}}",
                    ),
                    about=f"Their events are tried one by one. {QUIET}",
                ),
                graph(
                    "Parked, and dead letters",
                    "short",
                    (f"max by (guanxi_service) (guanxi_inbox_parked{{{S}}})", "{{guanxi_service}} parked"),
                    (f"max by (guanxi_service) (guanxi_inbox_dead_letters{{{S}}})", "{{guanxi_service}} dead"),
                ),
            ],
            "Bus": [
                graph(
                    "Round trip, 99 %",
                    "s",
                    (
                        quantile(
                            0.99,
                            "messaging_client_operation_duration_seconds",
                            "messaging_system, messaging_operation_name",
                            "",
                        ),
                        "{{messaging_system}} {{messaging_operation_name}}",
                    ),
                    about="A ping every 15 s, and what the relay sends.",
                ),
                graph(
                    "Failed",
                    "short",
                    (
                        "sum by (messaging_system, messaging_operation_name) "
                        f"({rate(of('messaging_client_operation_duration_seconds_count', FAILED))})",
                        "{{messaging_system}} {{messaging_operation_name}}",
                    ),
                    about=QUIET,
                ),
            ],
        },
    ),
    "storage": (
        "Storage",
        {
            "Group commit": [
                graph(
                    "Calls of one commit",
                    "short",
                    (quantile(0.5, "guanxi_group_commit_size", "guanxi_queue"), "{{guanxi_queue}} median"),
                    (quantile(0.99, "guanxi_group_commit_size", "guanxi_queue"), "{{guanxi_queue}} 99 %"),
                ),
                graph(
                    "Wait of the first call",
                    "s",
                    (quantile(0.5, "guanxi_group_commit_wait_seconds", "guanxi_queue"), "{{guanxi_queue}} median"),
                    (quantile(0.99, "guanxi_group_commit_wait_seconds", "guanxi_queue"), "{{guanxi_queue}} 99 %"),
                ),
                graph(
                    "Commits",
                    "short",
                    (
                        f"sum by (guanxi_queue) ({rate(of('guanxi_group_commit_size_count', S))})",
                        "{{guanxi_queue}}",
                    ),
                    about="A second.",
                ),
            ],
            "Database": [
                graph(
                    "Statements",
                    "short",
                    (
                        "sum by (guanxi_service, db_operation_name) "
                        f"({rate(of('db_client_operation_duration_seconds_count', S))})",
                        "{{guanxi_service}} {{db_operation_name}}",
                    ),
                    about="A second.",
                ),
                graph(
                    "Time of a statement, 99 %",
                    "s",
                    (
                        quantile(
                            0.99, "db_client_operation_duration_seconds", "guanxi_service, db_operation_name"
                        ),
                        "{{guanxi_service}} {{db_operation_name}}",
                    ),
                ),
                graph(
                    "Statements that failed",
                    "short",
                    (
                        "sum by (guanxi_service, db_operation_name) "
                        f"({rate(of('db_client_operation_duration_seconds_count', S, FAILED))})",
                        "{{guanxi_service}} {{db_operation_name}}",
                    ),
                    about=QUIET,
                ),
                graph(
                    "Wait for a connection",
                    "s",
                    (
                        quantile(0.99, "db_client_connection_wait_time_seconds", "guanxi_service"),
                        "{{guanxi_service}} 99 %",
                    ),
                    about="Until a transaction has begun.",
                ),
                graph(
                    "Connections used",
                    "percentunit",
                    (
                        "max by (guanxi_service, db_client_connection_pool_name) (db_client_connection_count{"
                        f'{S},db_client_connection_state="used"}} / ignoring (db_client_connection_state) '
                        f"db_client_connection_max{{{S}}})",
                        "{{guanxi_service}} {{db_client_connection_pool_name}}",
                    ),
                ),
                graph(
                    "Races lost",
                    "short",
                    (f"sum by (guanxi_service) ({rate(of('guanxi_db_retries_total', S))})", "{{guanxi_service}}"),
                    about=f"Transactions a second that were run again. {QUIET}",
                ),
                table(
                    "Migrations",
                    "short",
                    (
                        f"max by (guanxi_service, guanxi_state) (guanxi_db_migrations{{{S}}})",
                        "{{guanxi_service}} {{guanxi_state}}",
                    ),
                    about="pending: the schema is older than the release; unknown: it is newer.",
                ),
            ],
        },
    ),
    "business": (
        "Business",
        {
            "Loyalty": [
                graph(
                    "Points by kind of entry",
                    "short",
                    (f"sum by (guanxi_entry_kind) ({rate('guanxi_loyalty_points_total')})", "{{guanxi_entry_kind}}"),
                    about="Points a second that the ledger moved.",
                ),
                stat(
                    "Earned in the last hour",
                    "short",
                    ('sum(increase(guanxi_loyalty_points_total{guanxi_entry_kind="EARN"}[1h]))', "points"),
                ),
            ],
            "Deliveries": [
                graph(
                    "Delivered, by promise",
                    "short",
                    (f"sum by (guanxi_promise) ({rate('guanxi_logistics_deliveries_total')})", "{{guanxi_promise}}"),
                    about="Shipments a second.",
                ),
                stat(
                    "Promises kept, of the last day",
                    "percentunit",
                    (
                        'sum(increase(guanxi_logistics_deliveries_total{guanxi_promise="kept"}[1d])) / '
                        'sum(increase(guanxi_logistics_deliveries_total{guanxi_promise=~"kept|broken"}[1d]))',
                        "kept",
                    ),
                ),
                graph(
                    "Under way",
                    "short",
                    ("max by (guanxi_promise) (guanxi_logistics_undelivered)", "{{guanxi_promise}}"),
                    about="overdue: the day that was promised has passed.",
                ),
                graph(
                    "Codes that the map does not know",
                    "short",
                    (
                        f"sum by (guanxi_carrier) ({rate('guanxi_logistics_mapping_gaps_total')})",
                        "{{guanxi_carrier}}",
                    ),
                    about=f"Tracking events a second. {QUIET}",
                ),
            ],
            "Feedback": [
                graph(
                    "Open cases",
                    "short",
                    ("max by (guanxi_state) (guanxi_feedback_cases)", "{{guanxi_state}}"),
                ),
            ],
        },
    ),
    "operations": (
        "Operations",
        {
            "Processes": [
                table("Up", "short", ('up{job="guanxi"}', "{{instance}}")),
                table(
                    "Releases",
                    "short",
                    (f"count by (guanxi_service, service_version) (guanxi_build_info{{{S}}})", "processes"),
                    about="More than one version of a service: an upgrade is under way, or stopped half way.",
                ),
                table(
                    "Certificates",
                    "s",
                    (
                        "min by (guanxi_certificate) (guanxi_certificate_expiry_timestamp_seconds) - time()",
                        "{{guanxi_certificate}}",
                    ),
                    about=f"Time until they expire. Nothing where TLS is not ours to do. {QUIET}",
                ),
                table(
                    "Alerts that fire",
                    "short",
                    ('ALERTS{alertstate="firing",alertname=~"Guanxi.+"}', "{{alertname}}"),
                    about=QUIET,
                ),
            ],
            "Jobs": [
                graph(
                    "Open jobs",
                    "short",
                    (
                        f"max by (guanxi_service, guanxi_job_kind, guanxi_state) (guanxi_job_open{{{S}}})",
                        "{{guanxi_service}} {{guanxi_job_kind}} {{guanxi_state}}",
                    ),
                ),
                graph(
                    "Age of the oldest open job",
                    "s",
                    (
                        f"max by (guanxi_service, guanxi_job_kind) (guanxi_job_age_seconds{{{S}}})",
                        "{{guanxi_service}} {{guanxi_job_kind}}",
                    ),
                ),
                graph(
                    "Since the last success",
                    "s",
                    (
                        "time() - max by (guanxi_service, guanxi_job_kind) "
                        f"(guanxi_job_last_success_timestamp_seconds{{{S}}} > 0)",
                        "{{guanxi_service}} {{guanxi_job_kind}}",
                    ),
                ),
                graph(
                    "Jobs that ended",
                    "short",
                    (
                        "sum by (guanxi_service, guanxi_job_kind, guanxi_state) "
                        f"(increase(guanxi_job_ended_total{{{S}}}[$__rate_interval]))",
                        "{{guanxi_service}} {{guanxi_job_kind}} {{guanxi_state}}",
                    ),
                ),
                table(
                    "How often jobs are due",
                    "s",
                    (
                        f"max by (guanxi_service, guanxi_job_kind) (guanxi_job_interval_seconds{{{S}}})",
                        "{{guanxi_service}} {{guanxi_job_kind}}",
                    ),
                ),
            ],
            "Verify": [
                table(
                    "Rows that break an invariant",
                    "short",
                    (
                        "max by (guanxi_service, guanxi_invariant) "
                        f"(last_over_time(guanxi_verify_violations{{{S}}}[1d]))",
                        "{{guanxi_service}} {{guanxi_invariant}}",
                    ),
                    about="When it was last verified, of the last day.",
                ),
                table(
                    "Since it was verified",
                    "s",
                    (
                        "time() - max by (guanxi_service) "
                        f"(last_over_time(guanxi_verify_timestamp_seconds{{{S}}}[7d]))",
                        "{{guanxi_service}}",
                    ),
                ),
            ],
        },
    ),
}

SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def dashboard(uid, title, rows):
    """A dashboard as Grafana stores it."""
    panels = []
    top = 0
    for row, shown in rows.items():
        panels.append({"type": "row", "title": row, "collapsed": False, "panels": [], "gridPos": place(0, top, 24, 1)})
        top, left = top + 1, 0
        for spec in shown:
            width = spec.get("width", 12 if len(shown) < 5 else 8)
            if left + width > 24:
                top, left = top + 8, 0
            panels.append(panel(spec, place(left, top, width, 8)))
            left += width
        top += 8
    for number, each in enumerate(panels, 1):
        each["id"] = number
    return {
        "uid": f"guanxi-{uid}",
        "title": f"Guanxi: {title}",
        "tags": ["guanxi"],
        "schemaVersion": 38,
        "version": 1,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "browser",
        "annotations": {"list": []},
        "links": [{"type": "dashboards", "tags": ["guanxi"], "title": "Guanxi", "asDropdown": True, "keepTime": True}],
        "templating": {"list": [datasource(), services()]},
        "panels": panels,
    }


def place(x, y, w, h):
    return {"x": x, "y": y, "w": w, "h": h}


def datasource():
    return {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "current": {}}


def services():
    return {
        "name": "service",
        "label": "Service",
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": "label_values(guanxi_build_info, guanxi_service)", "refId": "services"},
        "refresh": 2,
        "includeAll": True,
        "multi": True,
        "allValue": ".+",
        "current": {"text": "All", "value": "$__all"},
    }


def panel(spec, where):
    """One panel: its queries, and how it looks."""
    as_table = spec["type"] == "table"
    targets = [
        {
            "refId": chr(ord("A") + at),
            "datasource": SOURCE,
            "expr": query,
            "legendFormat": legend,
            "exemplar": spec.get("exemplars", False),
            "instant": as_table,
            "range": not as_table,
            **({"format": "table"} if as_table else {}),
        }
        for at, (query, legend) in enumerate(spec["queries"])
    ]
    looks = {
        "timeseries": {"legend": {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull", "max"]}},
        "stat": {"reduceOptions": {"calcs": ["lastNotNull"]}},
        "table": {},
    }
    return {
        "type": spec["type"],
        "title": spec["title"],
        "description": spec["about"],
        "datasource": SOURCE,
        "gridPos": where,
        "fieldConfig": {"defaults": {"unit": spec["unit"], "min": 0}, "overrides": []},
        "options": looks[spec["type"]],
        "targets": targets,
    }


def written():
    """Every file, by name, as it should be."""
    files = {}
    for uid, (title, rows) in DASHBOARDS.items():
        text = json.dumps(dashboard(uid, title, rows), indent=1, ensure_ascii=False)
        files[f"{uid}.json"] = text + "\n"
    return files


def faults():
    """What is wrong with the files that are there, and with any other dashboard beside them."""
    found = []
    wanted = written()
    for name, text in wanted.items():
        path = FOLDER / name
        if not path.exists() or path.read_text() != text:
            found.append(f"dashboards/{name} is not what k8s/dashboards.py makes: run it with --write")
    uids = set()
    for path in sorted(FOLDER.glob("*.json")):
        board = json.loads(path.read_text())
        say = lambda what, of=path.name: found.append(f"dashboards/{of}: {what}")
        uid = board.get("uid") or ""
        if not 0 < len(uid) <= 40 or uid in uids:
            say(f"its uid {uid!r} is none, or another's")
        uids.add(uid)
        names = {variable["name"] for variable in board["templating"]["list"]}
        if "datasource" not in names:
            say("has no variable for the data source")
        shown = [each for each in board["panels"] if each["type"] != "row"]
        ids = [each["id"] for each in board["panels"]]
        if len(ids) != len(set(ids)):
            say("two panels have one id")
        titles = [each["title"] for each in shown]
        if len(titles) != len(set(titles)):
            say("two panels have one title")
        cells = set()
        for each in board["panels"]:
            at = each["gridPos"]
            own = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            if at["x"] + at["w"] > 24 or own & cells:
                say(f"{each['title']} lies on another panel, or beyond the edge")
            cells |= own
        for each in shown:
            refs = [target["refId"] for target in each["targets"]]
            if not refs or len(refs) != len(set(refs)):
                say(f"{each['title']} has no query, or two of one name")
            for target in each["targets"]:
                if target["datasource"]["uid"] != "${datasource}":
                    say(f"{each['title']} asks another data source than the variable's")
                if not target["expr"].strip():
                    say(f"{each['title']} has an empty query")
    return found


def main():
    if "--write" in sys.argv[1:]:
        for name, text in written().items():
            (FOLDER / name).write_text(text)
    for what in faults():
        print(what)
    return 1 if faults() else 0


if __name__ == "__main__":
    sys.exit(main())
