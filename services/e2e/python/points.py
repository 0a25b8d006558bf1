"""The points of a member who earns, spends, holds and returns: PointsService."""

from datetime import timedelta

from loyalty import balance, purchase
from stubs import loyalty as pb
from suite import copy, identify


def earning(suite):
    """100 earned and 30 spent are 70."""
    suite.earned = f"orders/py:{suite.tag}-club"
    bought = pb.Purchase(currency_code="CNY")
    bought.lines.add(line=1, quantity=2, price_minor=6_000)
    bought.lines.add(line=2, quantity=1, price_minor=4_000)
    earn = pb.EarnPointsRequest(member=suite.member, order=suite.earned, purchase=bought)
    other = copy(earn)
    other.purchase.discount_minor = 100
    earned = suite.once(earn, other)
    suite.same((earned.points, earned.lot.points, earned.lot.order), (100, 100, suite.earned), "what was earned")
    suite.true(earned.lot.HasField("expires_at"), "the lot never expires")
    again = copy(earn)
    again.request_id = ""
    suite.refused(again, "ALREADY_EXISTS", "ORDER_ALREADY_EARNED")
    suite.same(balance(suite, suite.member).available, 100, "the balance after earning")
    spend = pb.SpendPointsRequest(member=suite.member, points=30, order=f"orders/py:{suite.tag}-paid")
    other = copy(spend)
    other.points = 31
    spent = suite.once(spend, other)
    suite.same((spent.points, spent.balance.available), (30, 70), "what was spent, and what is left")
    suite.same(balance(suite, suite.member).balance, 70, "the balance after spending")
    refusal = suite.refused(
        pb.SpendPointsRequest(member=suite.member, points=71), "FAILED_PRECONDITION", "POINTS_INSUFFICIENT"
    )
    suite.same(refusal.metadata.get("available"), "70", "what the refusal says is available")


def holds(suite):
    """What is held is not available; a capture spends it, a void lets it go; both once."""
    place = pb.PlaceHoldRequest(member=suite.member, points=20, ttl=timedelta(minutes=5))
    other = copy(place)
    other.points = 21
    placed = suite.once(place, other)
    suite.same((placed.balance.balance, placed.balance.available, placed.balance.held), (70, 50, 20), "with a hold")
    suite.same(placed.hold.state, pb.HOLD_STATE_PLACED, "the hold's state")
    too_much = pb.CaptureHoldRequest(name=placed.hold.name, points=21)
    suite.refused(too_much, "FAILED_PRECONDITION", "CAPTURE_EXCEEDS_HOLD")
    capture = pb.CaptureHoldRequest(name=placed.hold.name, points=15)
    other = copy(capture)
    other.points = 16
    captured = suite.once(capture, other)
    suite.same((captured.hold.state, captured.hold.captured_points), (pb.HOLD_STATE_CAPTURED, 15), "the captured hold")
    suite.same((captured.balance.available, captured.balance.held), (55, 0), "the balance after the capture")
    resolved = suite.refused(pb.CaptureHoldRequest(name=placed.hold.name), "FAILED_PRECONDITION", "HOLD_RESOLVED")
    suite.true(resolved.metadata, "the refusal does not say how the hold ended")

    hold = suite.ask(pb.PlaceHoldRequest(member=suite.member, points=10)).hold
    void = pb.VoidHoldRequest(name=hold.name)
    identify(void)
    voided = suite.ask(void)
    suite.same((voided.hold.state, voided.balance.available), (pb.HOLD_STATE_VOIDED, 55), "the voided hold")
    suite.same(suite.ask(void), voided, "the answer to a repeated void")
    suite.refused(pb.VoidHoldRequest(name=hold.name), "FAILED_PRECONDITION", "HOLD_RESOLVED")
    refusal = suite.refused(
        pb.PlaceHoldRequest(member=suite.member, points=56), "FAILED_PRECONDITION", "POINTS_INSUFFICIENT"
    )
    suite.same(refusal.metadata.get("available"), "55", "what is available for a hold")


def returns(suite):
    """A return takes back what the goods earned, once, and no more than was bought."""
    give_back = pb.ReturnOrderRequest(member=suite.member, order=suite.earned, return_id="r1")
    give_back.lines.add(line=2, quantity=1)
    other = copy(give_back)
    other.lines[0].line = 1
    returned = suite.once(give_back, other)
    suite.same((returned.reversed_points, returned.refunded_points), (40, 0), "what was taken back")
    suite.same(returned.balance.available, 15, "the balance after the return")
    again = copy(give_back)
    again.request_id = ""
    suite.refused(again, "ALREADY_EXISTS", "RETURN_ALREADY_RECORDED")
    more = pb.ReturnOrderRequest(member=suite.member, order=suite.earned, return_id="r2")
    more.lines.add(line=1, quantity=3)
    suite.refused(more, "FAILED_PRECONDITION", "RETURN_EXCEEDS_PURCHASE")


def adjustments(suite):
    """Points credited and taken by hand, with a reason that is kept."""
    credit = pb.AdjustPointsRequest(member=suite.member, points=10, reason="a late parcel", goodwill=True)
    other = copy(credit)
    other.points = 11
    credited = suite.once(credit, other)
    suite.same((credited.points, credited.lot.points, credited.balance.available), (10, 10, 25), "what was credited")
    debit = pb.AdjustPointsRequest(member=suite.member, points=-10, reason="a mistake")
    taken = suite.ask(debit)
    suite.same((taken.points, taken.HasField("lot"), taken.balance.available), (-10, False, 15), "what was taken")
    entries = suite.ask(pb.ListEntriesRequest(member=suite.member)).entries
    suite.same(
        [(entry.kind, entry.reason) for entry in entries if entry.adjusted_by],
        [(pb.ENTRY_KIND_ADJUST_DEBIT, "a mistake"), (pb.ENTRY_KIND_ADJUST_GOODWILL, "a late parcel")],
        "the entries made by hand",
    )
    debit.request_id, debit.points = "", -16
    suite.refused(debit, "FAILED_PRECONDITION", "POINTS_INSUFFICIENT")
    suite.invalid(pb.AdjustPointsRequest(points=10**12 + 1), "request_id", "member", "points", "reason")
    wrong = pb.AdjustPointsRequest(member=suite.member, points=-1, reason="?", goodwill=True)
    wrong.expire_time.FromDatetime(suite.now + timedelta(days=1))
    suite.invalid(wrong, "goodwill=ADJUSTMENT_CONTRADICTS", "expire_time=ADJUSTMENT_CONTRADICTS")
    none = suite.other("members")
    suite.missing(pb.AdjustPointsRequest(member=none, points=1, reason="?"), "member", none)


def transfers(suite):
    """Points given to another member and back, with their expiry; none that are not there."""
    friend = suite.ask(pb.EnrollMemberRequest(program=suite.club, customer=suite.third)).member.name
    give = pb.TransferPointsRequest(member=suite.member, to_member=friend, points=5)
    other = copy(give)
    other.points = 6
    given = suite.once(give, other)
    suite.same((given.points, sum(lot.points for lot in given.lots), given.balance.available), (5, 5, 10), "the gift")
    suite.true(all(lot.HasField("expires_at") for lot in given.lots), "what was given never expires")
    suite.same(balance(suite, friend).available, 5, "what the friend has")
    entry = suite.ask(pb.ListEntriesRequest(member=friend)).entries[0]
    suite.same((entry.kind, entry.other_member), (pb.ENTRY_KIND_RECEIVE, suite.member), "the friend's entry")
    suite.ask(pb.TransferPointsRequest(member=friend, to_member=suite.member, points=5))
    suite.same(balance(suite, suite.member).available, 15, "what came back")
    again = pb.TransferPointsRequest(member=friend, to_member=suite.member, points=1)
    suite.refused(again, "FAILED_PRECONDITION", "POINTS_INSUFFICIENT")
    again.to_member = friend
    suite.refused(again, "FAILED_PRECONDITION", "TRANSFER_TO_SELF")
    again.to_member = suite.members[suite.first]
    suite.refused(again, "FAILED_PRECONDITION", "TRANSFER_BETWEEN_PROGRAMS")
    suite.invalid(pb.TransferPointsRequest(), "request_id", "member", "to_member", "points")
    none = suite.other("members")
    suite.missing(pb.TransferPointsRequest(member=none, to_member=friend, points=1), "member", none)
    suite.missing(pb.TransferPointsRequest(member=friend, to_member=none, points=1), "member", none)


def payments(suite):
    """Points pay for orders only where the program says what they are worth."""
    spend = pb.SpendPointsRequest(member=suite.member, points=1)
    spend.order_amount.currency_code, spend.order_amount.minor_units = "CNY", 1_000
    suite.refused(spend, "FAILED_PRECONDITION", "POINTS_WITHOUT_VALUE")
    spend.order_amount.currency_code = "JPY"
    suite.invalid(spend, "order_amount.currency_code=CURRENCY_NOT_PROGRAMS")
    spend.order_amount.currency_code = "cny"
    suite.invalid(spend, "order_amount.currency_code")


def batches(suite):
    """Many commands in one commit: a chain stands or falls, what is free stands, circles are refused."""

    def spend(key, points, linked_with=""):
        command = pb.PostCommand(key=key, linked_with=linked_with)
        command.spend.member, command.spend.points = suite.member, points
        return command

    def said(response):
        fields = [[field.name for field, _ in result.ListFields()] for result in response.results]
        pairs = zip(response.results, fields, strict=True)
        return [(result.key, result.refused.reason or names[1]) for result, names in pairs]

    credit = pb.PostCommand(key="e")
    credit.adjust.member, credit.adjust.points, credit.adjust.reason = suite.member, 1, "a gift"
    batch = pb.BatchPostRequest(commands=[spend("a", 1), spend("b", 2, "c"), spend("c", 999), credit])
    done = suite.once(batch, pb.BatchPostRequest(commands=[spend("a", 1)]))
    wanted = [("a", "spent"), ("b", "LINKED_FAILED"), ("c", "POINTS_INSUFFICIENT"), ("e", "adjusted")]
    suite.same(said(done), wanted, "what a batch came to")
    suite.same(dict(done.results[1].refused.metadata), {"culprit": "c", "reason": "POINTS_INSUFFICIENT"}, "who failed")
    suite.same(balance(suite, suite.member).available, 15, "what is left after the batch")
    circle = pb.BatchPostRequest(commands=[spend("a", 1, "b"), spend("b", 1, "a")])
    suite.refused(circle, "INVALID_ARGUMENT", "CHAIN_CYCLIC")
    suite.refused(pb.BatchPostRequest(commands=[spend("a", 1, "b")]), "INVALID_ARGUMENT", "CHAIN_OPEN")
    suite.invalid(pb.BatchPostRequest(), "request_id", "commands")
    suite.invalid(pb.BatchPostRequest(commands=[spend("a", 1), spend("a", 1)]), "commands[1].key=KEY_REPEATED")
    wrong = pb.PostCommand(key="?", linked_with="?")
    wrong.place_hold.points = -1
    fields = ("key", "linked_with", "place_hold.member", "place_hold.points")
    suite.invalid(pb.BatchPostRequest(commands=[wrong]), *(f"commands[0].{field}" for field in fields))


def readings(suite):
    """Balances as they were and as they were known, entries by page and order, and what expires."""
    entries = suite.pages(pb.ListEntriesRequest(member=suite.member), "entries", 3)
    numbers = [int(entry.name.rpartition("/")[2]) for entry in entries]
    suite.same(numbers, list(range(len(entries), 0, -1)), "the entries, dense and the newest first")
    kinds = {entry.kind for entry in entries}
    wanted = {pb.ENTRY_KIND_EARN, pb.ENTRY_KIND_SPEND, pb.ENTRY_KIND_HOLD, pb.ENTRY_KIND_CAPTURE, pb.ENTRY_KIND_RELEASE}
    suite.true(wanted <= kinds, f"entries are missing: {kinds}")
    of_order = suite.pages(pb.ListEntriesRequest(member=suite.member, order=suite.earned), "entries")
    suite.same({entry.order for entry in of_order}, {suite.earned}, "the orders of an order's entries")
    earned = next(entry for entry in entries if entry.kind == pb.ENTRY_KIND_EARN)
    suite.same(balance(suite, suite.member, known_at=earned.create_time).balance, 100, "what was known after earning")
    suite.same(balance(suite, suite.member, as_of=suite.ago(hours=1)).balance, 0, "the balance before")
    suite.same(balance(suite, suite.member, as_of=suite.now + timedelta(days=800)).balance, 0, "what is left in years")

    expiring = suite.ask(pb.ListExpiringRequest(member=suite.member))
    suite.same((expiring.points, len(expiring.expiring)), (15, 1), "what expires")
    days = (expiring.expiring[0].expires_at.ToDatetime() - suite.now.replace(tzinfo=None)).days
    suite.true(363 <= days <= 367, f"it expires in {days} days")
    soon = pb.ListExpiringRequest(member=suite.member, until=suite.now + timedelta(days=30))
    suite.same(suite.ask(soon).points, 0, "what expires soon")
    clamped = suite.ask(pb.SpendPointsRequest(member=suite.member, points=1_000, clamp=True))
    suite.same((clamped.points, clamped.balance.balance), (15, 0), "a spend of what there is")


def bad_requests(suite):
    """Every call of points with fields that are wrong, and about members that do not exist."""
    wrong = pb.Purchase(currency_code="cny", lines=[pb.PurchaseLine(category="x" * 201)], discount_minor=-1)
    inner = ("purchase.lines[0].line", "purchase.lines[0].category", "purchase.lines[0].quantity")
    earn = pb.EarnPointsRequest(member="x", order="x", purchase=wrong, request_id="1")
    suite.invalid(earn, "request_id", "member", "order", "purchase.currency_code", "purchase.discount_minor", *inner)
    suite.invalid(pb.EarnPointsRequest(), "request_id", "member", "order", "purchase")
    twice = purchase()
    twice.lines[1].line = 1
    order = f"orders/py:{suite.tag}-none"
    later = suite.now + timedelta(days=1)
    suite.invalid(
        pb.EarnPointsRequest(member=suite.member, order=order, purchase=twice, effective_time=later),
        *("purchase.lines[1].line=LINE_REPEATED", "effective_time=TIMESTAMP_IN_FUTURE"),
    )
    suite.invalid(pb.SpendPointsRequest(order="x"), "request_id", "member", "points", "order")
    hold = pb.PlaceHoldRequest(points=10**12 + 1, order="x", ttl=timedelta(days=8))
    suite.invalid(hold, "request_id", "member", "points", "order", "ttl")
    suite.invalid(pb.CaptureHoldRequest(name="x", points=0), "request_id", "name", "points")
    suite.invalid(pb.VoidHoldRequest(), "request_id", "name")
    back = pb.ReturnOrderRequest(return_id="?", lines=[pb.ReturnLine(quantity=-1)])
    fields = ("request_id", "member", "order", "return_id", "lines[0].line", "lines[0].quantity")
    suite.invalid(back, *fields)
    lines = [
        pb.ReturnLine(line=1),
        pb.ReturnLine(line=2, quantity=1, amount_minor=1),
        pb.ReturnLine(line=2, quantity=1),
    ]
    back = pb.ReturnOrderRequest(
        member=suite.member, order=suite.earned, return_id="r3", lines=lines, effective_time=later
    )
    fields = ("lines[0]=EXACTLY_ONE", "lines[1]=EXACTLY_ONE", "lines[2]=LINE_REPEATED")
    suite.invalid(back, "effective_time=TIMESTAMP_IN_FUTURE", *fields)
    suite.invalid(pb.GetBalanceRequest(member="x"), "member")
    far = pb.GetBalanceRequest(member=suite.member)
    far.as_of.seconds, far.known_at.nanos = 2**62, -1
    suite.invalid(far, "as_of", "known_at")
    suite.invalid(
        pb.ListEntriesRequest(member="x", order="x", page_size=-1, page_token="x" * 1025),
        *("member", "order", "page_size", "page_token"),
    )
    suite.invalid(pb.ListEntriesRequest(member=suite.member, page_token="rubbish"), "page_token=PAGE_TOKEN_MALFORMED")
    suite.invalid(pb.ListExpiringRequest(member="x"), "member")

    none = suite.other("members")
    for request in (
        pb.EarnPointsRequest(member=none, order=order, purchase=purchase()),
        pb.SpendPointsRequest(member=none, points=1),
        pb.PlaceHoldRequest(member=none, points=1),
        pb.ReturnOrderRequest(member=none, order=order, return_id="r1"),
        pb.GetBalanceRequest(member=none),
        pb.ListEntriesRequest(member=none),
        pb.ListExpiringRequest(member=none),
    ):
        suite.missing(request, "member", none)
    name = f"{suite.member}/{suite.other('holds')}"
    suite.missing(pb.CaptureHoldRequest(name=name), "hold", name)
    suite.missing(pb.VoidHoldRequest(name=name), "hold", name)
