"""Shipments, promises and tracking: ShipmentService, TrackingService."""

from stubs import logistics as pb
from suite import copy


def promise(suite, days):
    return pb.Promise(
        promised_date=suite.day(days), time_zone="Asia/Shanghai", window_start="09:00", window_end="12:00"
    )


def number(suite, which):
    return pb.TrackingNumber(carrier="sf", number=f"PY-{suite.tag}-{which}")


def shipments(suite):
    """Shipments of the run's own; a number is one package's at a time."""
    packages = [pb.NewPackage(tracking_number=number(suite, 1)), pb.NewPackage()]
    request = pb.CreateShipmentRequest(
        organization=suite.organization, customer=suite.first, seller="c", packages=packages, promise=promise(suite, 4)
    )
    other = copy(request)
    other.seller = "d"
    made = suite.once(request, other).shipment
    suite.parcel, suite.package = made.name, made.packages[0].name
    suite.same((made.status, len(made.packages)), (pb.TRACKING_STATUS_CREATED, 2), "the new shipment")
    suite.same(made.original_promise.promised_date, suite.day(4), "its promise")
    suite.same(suite.ask(pb.GetShipmentRequest(name=made.name)).shipment, made, "the shipment as it was made")
    again = pb.CreateShipmentRequest(organization=suite.organization, packages=packages[:1])
    suite.refused(again, "FAILED_PRECONDITION", "TRACKING_NUMBER_IN_USE")
    unpromised = pb.CreateShipmentRequest(
        organization=suite.organization, customer=suite.second, packages=[pb.NewPackage()]
    )
    suite.unpromised = suite.ask(unpromised).shipment.name

    suite.invalid(pb.CreateShipmentRequest(), "request_id", "packages")
    wrong = pb.CreateShipmentRequest(organization="x", order="x", customer="x", seller="y" * 65, request_id="1")
    wrong.packages.add().tracking_number.carrier = "SF"
    wrong.promise.window_start = "9"
    suite.invalid(
        wrong,
        *("request_id", "organization", "order", "seller", "customer", "packages[0].tracking_number.carrier"),
        *("packages[0].tracking_number.number", "promise.promised_date", "promise.window_start", "promise.time_zone"),
    )
    never = copy(again)
    never.request_id = ""
    never.promise.CopyFrom(
        pb.Promise(promised_date="2026-02-30", time_zone="Mars/Olympus", window_start="12:00", window_end="09:00")
    )
    suite.invalid(
        never,
        "promise.promised_date=DATE_MALFORMED",
        "promise.time_zone=ZONE_UNKNOWN",
        "promise.window_end=WINDOW_BACKWARDS",
    )
    suite.invalid(pb.GetShipmentRequest(name="x"), "name")
    none = suite.other("shipments")
    suite.missing(pb.GetShipmentRequest(name=none), "shipment", none)


def shipment_lists(suite):
    """A shipment for each seller of an order; filters and pages."""

    def of_order():
        found = suite.pages(pb.ListShipmentsRequest(filter=f'order = "{suite.on_time}"'), "shipments", 1)
        return found if len(found) == 2 else None

    found = suite.until("a shipment for each seller of the order", of_order)
    suite.same({one.seller for one in found}, {"a", "b"}, "the sellers")
    suite.same({one.original_promise.promised_date for one in found}, {suite.day(5)}, "what the order promised")
    refused = pb.CreateShipmentRequest(
        organization=suite.organization, order=suite.on_time, seller="a", packages=[pb.NewPackage()]
    )
    suite.same(suite.refused(refused, "ALREADY_EXISTS", "ALREADY_EXISTS").resource[:1], ("shipment",), "what exists")
    his = pb.ListShipmentsRequest(filter=f'customer = "{suite.first}" AND organization = "{suite.organization}"')
    suite.same(len(suite.pages(his, "shipments")), 3, "his shipments")
    his.filter += " AND status = DELIVERED"
    suite.same(len(suite.pages(his, "shipments")), 0, "what was delivered to him")
    suite.invalid(
        pb.ListShipmentsRequest(filter="mood = GOOD", page_token="rubbish"),
        *("filter=FILTER_FIELD_UNKNOWN", "page_token=PAGE_TOKEN_MALFORMED"),
    )
    suite.invalid(pb.ListShipmentsRequest(filter="x" * 1001, page_size=-1), "filter", "page_size")


def promises(suite):
    """A promise is revised, and judged by its first; an etag that is old stops it."""
    before = suite.ask(pb.GetShipmentRequest(name=suite.parcel)).shipment
    request = pb.RevisePromiseRequest(
        name=suite.parcel, promise=promise(suite, 6), cause="weather", actor="desk", etag=before.etag
    )
    other = copy(request)
    other.cause = "stock"
    after = suite.once(request, other).shipment
    dates = (after.original_promise.promised_date, after.promise.promised_date, after.postponements)
    suite.same(dates, (suite.day(4), suite.day(6), 1), "the promise that was revised")
    suite.same([one.cause for one in after.promise_revisions], ["weather"], "why")
    later = pb.RevisePromiseRequest(
        name=suite.parcel, promise=promise(suite, 7), cause="stock", actor="desk", etag=before.etag
    )
    suite.same(suite.refused(later, "ABORTED", "ETAG_MISMATCH").metadata.get("name"), suite.parcel, "what was changed")
    same = pb.RevisePromiseRequest(name=suite.parcel, promise=promise(suite, 6), cause="stock", actor="desk")
    suite.refused(same, "FAILED_PRECONDITION", "PROMISE_UNCHANGED")
    same = copy(same)
    same.name, same.request_id = suite.unpromised, ""
    suite.refused(same, "FAILED_PRECONDITION", "PROMISE_MISSING")

    suite.invalid(
        pb.RevisePromiseRequest(name="x", cause="Bad Weather", etag="x" * 65),
        *("request_id", "name", "promise", "cause", "actor", "etag"),
    )
    half = pb.Promise(promised_date=suite.day(5), time_zone="Asia/Shanghai", window_start="09:00")
    half = pb.RevisePromiseRequest(name=suite.parcel, promise=half, cause="stock", actor="desk")
    suite.invalid(half, "promise.window_end=WINDOW_MALFORMED")
    none = copy(later)
    none.name, none.request_id = suite.other("shipments"), ""
    suite.missing(none, "shipment", none.name)


def event(suite, reference, status, hours, which=None):
    """An event so many hours ago."""
    return pb.IngestEventsRequest(
        organization=suite.organization,
        package=reference,
        source=f"py-{suite.tag}",
        source_kind=pb.SOURCE_KIND_CARRIER,
        source_event_id=which or f"{status}-{hours}",
        occurred_time=suite.ago(hours=hours),
        status_name=status,
    )


def tracking(suite):
    """A watch gets what is ingested, and goes on where it stopped; a number says where its package is."""
    by_number = pb.PackageReference(tracking_number=number(suite, 1))
    watched = suite.watch(pb.WatchShipmentsRequest(shipment=suite.parcel, heartbeat_seconds=1))
    snapshot = next(watched)
    suite.same(snapshot.snapshot.name, suite.parcel, "what a watch begins with")
    picked = suite.tell([event(suite, by_number, "PICKED_UP", 30)])[0]
    suite.same((picked.outcome, picked.status), (pb.INGEST_OUTCOME_ACCEPTED, pb.TRACKING_STATUS_PICKED_UP), "the event")
    change = next(one for one in watched if one.HasField("change"))
    suite.same((change.change.package, change.change.package_status), (suite.package, picked.status), "the change")
    watched.cancel()
    suite.tell([event(suite, by_number, "IN_TRANSIT", 20)])
    resumed = suite.watch(
        pb.WatchShipmentsRequest(shipment=suite.parcel, resume_token=change.resume_token, heartbeat_seconds=1)
    )
    following = next(resumed)
    suite.same(following.change.number, change.change.number + 1, "what a resumed watch begins with")
    suite.same(following.change.package_status, pb.TRACKING_STATUS_IN_TRANSIT, "the change after the token")
    resumed.cancel()
    ended = list(
        suite.watch(pb.WatchShipmentsRequest(customer=suite.other("customers"), heartbeat_seconds=1, max_age_seconds=2))
    )
    suite.true(ended and all(one.HasField("heartbeat") for one in ended), "a watch of nothing sends no heartbeats")
    found = suite.ask(pb.LookupTrackingRequest(tracking_number=number(suite, 1)))
    suite.same(found.status, pb.TRACKING_STATUS_IN_TRANSIT, "where the number's package is")

    for target in ({}, {"shipment": suite.parcel, "package": suite.package}):
        suite.invalid(pb.WatchShipmentsRequest(**target), "shipment=TARGET_AMBIGUOUS")
    suite.invalid(
        pb.WatchShipmentsRequest(shipment="x", package="y", customer="z", heartbeat_seconds=61, max_age_seconds=-1),
        *("shipment", "package", "customer", "heartbeat_seconds", "max_age_seconds"),
    )
    other = pb.WatchShipmentsRequest(package=suite.package, resume_token=change.resume_token)
    suite.invalid(other, "resume_token=RESUME_TOKEN_MALFORMED")
    for kind in ("shipment", "package"):
        none = suite.other(f"{kind}s")
        suite.missing(pb.WatchShipmentsRequest(**{kind: none}), kind, none)
    suite.invalid(pb.LookupTrackingRequest(), "tracking_number")
    malformed = pb.TrackingNumber(carrier="SF Express", number="1")
    fields = ("tracking_number.carrier", "tracking_number.number")
    suite.invalid(pb.LookupTrackingRequest(tracking_number=malformed), *fields)
    suite.refused(pb.LookupTrackingRequest(tracking_number=number(suite, "none")), "NOT_FOUND", "NOT_FOUND")


def intake(suite):
    """Each event is answered: known again, kept for later, held back, or refused with every wrong field."""
    package = pb.PackageReference(package=suite.package)
    again = event(suite, pb.PackageReference(tracking_number=number(suite, 1)), "PICKED_UP", 30)
    undated = event(suite, package, "IN_TRANSIT", 9, "undated")
    undated.ClearField("occurred_time")
    early = event(suite, pb.PackageReference(tracking_number=number(suite, 2)), "PICKED_UP", 3)
    wrong = pb.IngestEventsRequest(package=package, source="PY", source_kind=9999, carrier="SF", status_name="x" * 65)
    vague = event(suite, pb.PackageReference(), "IN_TRANSIT", 2)
    vague.occurred_text, vague.time_zone = "2026-01-01T00:00:00", "Mars/Olympus"
    answers = suite.tell([again, undated, early, wrong, vague])
    accepted, duplicate = pb.INGEST_OUTCOME_ACCEPTED, pb.INGEST_OUTCOME_DUPLICATE
    held, rejected = pb.INGEST_OUTCOME_QUARANTINED, pb.INGEST_OUTCOME_REJECTED
    outcomes = [answer.outcome for answer in answers]
    suite.same(outcomes, [duplicate, held, accepted, rejected, rejected], "what became of the events")
    suite.true(answers[2].parked and not answers[2].event, "the event of an unknown package does not wait for it")
    suite.rejected(answers[3], "INVALID_ARGUMENT", "source", "source_kind", "carrier", "status_name")
    suite.rejected(
        answers[4],
        "INVALID_ARGUMENT",
        *("package=REFERENCE_MISSING", "occurred_text=TIME_AMBIGUOUS", "time_zone=ZONE_UNKNOWN"),
    )
    late = pb.CreateShipmentRequest(
        organization=suite.organization, packages=[pb.NewPackage(tracking_number=number(suite, 2))]
    )
    suite.same(suite.ask(late).shipment.status, pb.TRACKING_STATUS_PICKED_UP, "a package whose event came before it")

    quarantined = suite.pages(pb.ListQuarantineRequest(source=f"py-{suite.tag}"), "events", 1)
    suite.same([one.source_event_id for one in quarantined], ["undated"], "what is held back")
    suite.same(quarantined[0].reason, pb.QUARANTINE_REASON_UNDATED, "why it is held back")
    suite.invalid(
        pb.ListQuarantineRequest(source="x" * 33, page_size=-1, page_token="x" * 1025),
        "source",
        "page_size",
        "page_token",
    )
    suite.invalid(pb.ListQuarantineRequest(page_token="rubbish"), "page_token=PAGE_TOKEN_MALFORMED")


def history(suite):
    """Where a package stood, its events page by page, and what is left without one of them."""
    package = pb.PackageReference(package=suite.package)
    events = suite.pages(pb.ListTrackingEventsRequest(parent=suite.package), "events", 1)
    suite.same(
        [one.status for one in events], [pb.TRACKING_STATUS_PICKED_UP, pb.TRACKING_STATUS_IN_TRANSIT], "its events"
    )
    then = suite.ask(pb.GetTrackingRequest(package=package, as_of=suite.ago(hours=25))).tracking
    suite.same(then.status, pb.TRACKING_STATUS_PICKED_UP, "where it stood")
    unknown = suite.ask(pb.GetTrackingRequest(package=package, known_at=suite.ago(hours=1))).tracking
    suite.same(unknown.effective_events, 0, "how many events were known before")
    retract = pb.RetractEventRequest(event=events[1].name, reason="scanned by mistake")
    other = copy(retract)
    other.reason = "another"
    suite.same(suite.once(retract, other).tracking.status, pb.TRACKING_STATUS_PICKED_UP, "where it stands without it")
    events = suite.pages(pb.ListTrackingEventsRequest(parent=suite.package), "events")
    suite.same([one.effective for one in events], [True, False], "which events count")
    key = pb.SourceEvent(
        package=package, source=f"py-{suite.tag}", source_event_id="to come", organization=suite.organization
    )
    suite.ask(pb.RetractEventRequest(source_event=key, reason="it will be wrong"))
    suite.tell([event(suite, package, "DELIVERED", 1, "to come")])
    now = suite.ask(pb.GetTrackingRequest(package=package)).tracking
    suite.same(
        now.status, pb.TRACKING_STATUS_PICKED_UP, "where it stands after an event that was retracted before it came"
    )

    suite.invalid(pb.RetractEventRequest(), "request_id", "reason")
    suite.invalid(pb.RetractEventRequest(reason="x"), "event=TARGET_AMBIGUOUS")
    wrong = pb.SourceEvent(source="PY", organization="x")
    suite.invalid(
        pb.RetractEventRequest(event="x", source_event=wrong, reason="y" * 501, request_id="1"),
        *("request_id", "event", "source_event.package", "source_event.source", "source_event.source_event_id"),
        *("source_event.organization", "reason"),
    )
    none = suite.other("packages")
    missing = f"{none}/{suite.other('events')}"
    suite.refused(pb.RetractEventRequest(event=missing, reason="x"), "NOT_FOUND", "NOT_FOUND")
    suite.invalid(pb.GetTrackingRequest(), "package")
    suite.invalid(pb.GetTrackingRequest(package=pb.PackageReference()), "package=REFERENCE_MISSING")
    both = pb.PackageReference(package=suite.package, tracking_number=number(suite, 1))
    far = pb.GetTrackingRequest(package=both)
    far.as_of.seconds = 2**62
    suite.invalid(far, "package=REFERENCE_AMBIGUOUS", "as_of=TIMESTAMP_OUT_OF_RANGE")
    suite.missing(pb.GetTrackingRequest(package=pb.PackageReference(package=none)), "package", none)
    suite.invalid(
        pb.ListTrackingEventsRequest(parent="x", page_size=-1, page_token="x" * 1025),
        "parent",
        "page_size",
        "page_token",
    )
    suite.missing(pb.ListTrackingEventsRequest(parent=none), "package", none)


def deliveries(suite):
    """The packages of two orders arrive, of one in time and of the other late."""

    def of_seller(order, seller):
        return pb.PackageReference(order_package=pb.OrderPackage(order=order, seller=seller))

    for order in (suite.on_time, suite.late):
        for seller in ("a", "b"):
            stages = (("PICKED_UP", 20), ("DELIVERED", 2))
            suite.tell([event(suite, of_seller(order, seller), status, hours) for status, hours in stages])
    for order, on_time in ((suite.on_time, True), (suite.late, False)):
        found = suite.ask(pb.ListShipmentsRequest(filter=f'order = "{order}"')).shipments
        states = {(one.status, one.on_time) for one in found}
        suite.same(states, {(pb.TRACKING_STATUS_DELIVERED, on_time)}, f"how {order} came")
    ended = pb.RevisePromiseRequest(name=found[0].name, promise=promise(suite, 9), cause="stock", actor="desk")
    suite.refused(ended, "FAILED_PRECONDITION", "SHIPMENT_ENDED")
