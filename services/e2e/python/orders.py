"""Orders and what they come to in the other services: OrderService, and the customer's view over all of them."""

from datetime import timedelta

from stubs import customer as pb
from suite import copy


def orders(suite):
    """Four orders: one that comes in time, one that comes late, one that is cancelled, one that is on its way."""
    on_time = order(suite, "1", suite.first, suite.day(5), hours=72)
    late = order(suite, "2", suite.second, suite.day(-3), hours=240)
    cancelled = order(suite, "3", suite.third, suite.day(5), hours=48)
    on_its_way = order(suite, "4", suite.third, suite.day(5), hours=24)
    identifier = pb.Identifier(type=pb.IDENTIFIER_TYPE_EXTERNAL_ID, source="pos", value=f"{suite.tag}-1")
    on_time.identifier.CopyFrom(identifier)
    on_time.order.customer = ""
    answers = suite.tell([on_time, late, cancelled, on_its_way])
    suite.same([answer.outcome for answer in answers], [pb.RECORD_OUTCOME_RECORDED] * 4, "what became of new orders")
    suite.same(answers[0].customer, suite.first, "whose order it is by identifier")
    suite.on_time, suite.late, suite.cancelled, suite.on_its_way = [answer.order for answer in answers]

    paid = copy(on_time)
    paid.order.payments.add(payment=1, method=pb.PAYMENT_METHOD_E_WALLET, amount_minor=17_500)
    stopped = copy(cancelled)
    stopped.order.cancel_time = suite.ago(hours=1)
    stopped.order.cancel_reason = "changed her mind"
    dearer = copy(late)
    dearer.order.lines[0].price_minor += 1
    unknown = order(suite, "5", suite.other("customers"), suite.day(5), hours=1)
    elsewhere = order(suite, "6", suite.third, suite.day(5), hours=1)
    elsewhere.order.store = f"{suite.organization}/stores/none"
    answers = suite.tell([paid, stopped, late, dearer, unknown, elsewhere])
    outcomes = [answer.outcome for answer in answers]
    revised, same, rejected = pb.RECORD_OUTCOME_REVISED, pb.RECORD_OUTCOME_DUPLICATE, pb.RECORD_OUTCOME_REJECTED
    suite.same(outcomes, [revised, revised, same, rejected, rejected, rejected], "what became of orders again")
    suite.rejected(answers[3], "ORDER_CONTRADICTED")
    suite.rejected(answers[4], "CUSTOMER_UNKNOWN")
    suite.rejected(answers[5], "STORE_UNKNOWN")

    got = suite.ask(pb.GetOrderRequest(name=suite.on_time)).order
    suite.same((got.total.minor_units, got.total.currency_code), (17_500, "CNY"), "what the order is worth")
    suite.same(
        (got.revision, len(got.payments), got.state), (2, 1, pb.ORDER_STATE_PLACED), "the order with its payment"
    )
    suite.same(suite.ask(pb.GetOrderRequest(name=suite.cancelled)).order.state, pb.ORDER_STATE_CANCELLED, "its state")
    suite.invalid(pb.GetOrderRequest(name="orders/POS/1"), "name")
    none = f"orders/py:{suite.tag}-none"
    suite.missing(pb.GetOrderRequest(name=none), "order", none)


def bad_orders(suite):
    """Orders with wrong fields: each is answered with all of them, and the stream goes on."""
    good = order(suite, "1", suite.first, suite.day(5), hours=72)
    malformed, contradictory = copy(good), copy(good)
    malformed.order.name = "orders/1"
    malformed.order.ClearField("order_time")
    malformed.order.lines[0].quantity = 0
    malformed.order.payments.add(payment=1, method=9999)
    contradictory.order.promised_date = "2026-02-30"
    contradictory.order.lines[1].line = contradictory.order.lines[0].line
    contradictory.order.cancel_reason = "nobody cancelled it"
    nobody, twice, astray = copy(good), copy(good), copy(good)
    astray.order.destination_zone = "Mars/Olympus"
    astray.order.cancel_time = suite.ago(hours=100)
    nobody.order.customer = ""
    twice.identifier.CopyFrom(pb.Identifier(type=pb.IDENTIFIER_TYPE_CARD, value=suite.card))
    early = order(suite, "7", suite.first, suite.day(5), hours=-72)
    answers = suite.tell([malformed, contradictory, nobody, twice, early, pb.RecordOrdersRequest(), astray])
    invalid = "INVALID_ARGUMENT"
    suite.rejected(
        answers[0], invalid, "order.name", "order.order_time", "order.lines[0].quantity", "order.payments[0].method"
    )
    suite.rejected(
        answers[1],
        invalid,
        *("order.promised_date=DATE_MALFORMED", "order.lines[1].line=KEY_REPEATED"),
        *("order.cancel_reason=CANCEL_REASON_ALONE",),
    )
    suite.rejected(answers[2], invalid, "order.customer=CUSTOMER_REQUIRED")
    suite.rejected(answers[3], invalid, "identifier=CUSTOMER_TWICE")
    suite.rejected(answers[4], invalid, "order.order_time=TIMESTAMP_IN_FUTURE")
    suite.rejected(answers[5], invalid, "order")
    zone_and_time = ("order.destination_zone=ZONE_UNKNOWN", "order.cancel_time=CANCELLED_BEFORE_PLACED")
    suite.rejected(answers[6], invalid, *zone_and_time)


def order_lists(suite):
    """Filters, orders and pages of orders."""
    ours = pb.ListOrdersRequest(organization=suite.organization)
    names = [one.name for one in suite.pages(ours, "orders")]
    suite.same(names, [suite.on_its_way, suite.cancelled, suite.on_time, suite.late], "orders, the latest first")
    ours.order_by = "order_time"
    suite.same([one.name for one in suite.pages(ours, "orders", 3)], names[::-1], "orders, the earliest first")
    hers = pb.ListOrdersRequest(customer=suite.third, filter="state = CANCELLED")
    suite.same([one.name for one in suite.pages(hers, "orders")], [suite.cancelled], "what she cancelled")
    since = suite.ago(hours=60).isoformat().replace("+00:00", "Z")
    recent = pb.ListOrdersRequest(organization=suite.organization, filter=f'order_time > "{since}" AND source = "py"')
    suite.same(
        {one.name for one in suite.pages(recent, "orders")}, {suite.on_its_way, suite.cancelled}, "the recent ones"
    )
    suite.invalid(
        pb.ListOrdersRequest(filter="mood = GOOD", order_by="mood", page_token="rubbish"),
        *("filter=FILTER_FIELD_UNKNOWN", "order_by=ORDER_FIELD_UNKNOWN", "page_token=PAGE_TOKEN_MALFORMED"),
    )
    suite.invalid(pb.ListOrdersRequest(filter="state = ABSENT"), "filter=FILTER_VALUE")
    suite.invalid(pb.ListOrdersRequest(filter="state > PLACED"), "filter=FILTER_OPERATOR")
    suite.invalid(
        pb.ListOrdersRequest(customer="x", organization="x", page_size=-1, order_by="x" * 101),
        *("customer", "organization", "page_size", "order_by"),
    )
    none = suite.other("customers")
    suite.missing(pb.ListOrdersRequest(customer=none), "customer", none)


def order(suite, number, customer, promised, hours):
    """An order of two lines of two sellers, worth 175.00, placed so many hours ago."""
    lines = [
        pb.OrderLine(
            line=1, product="p1", category="fresh", seller="a", quantity=1, price_minor=12_000, delivery_minor=300
        ),
        pb.OrderLine(
            line=2, product="p2", category="tools", seller="b", quantity=2, price_minor=5_000, delivery_minor=200
        ),
    ]
    return pb.RecordOrdersRequest(
        order=pb.Order(
            name=f"orders/py:{suite.tag}-{number}",
            organization=suite.organization,
            customer=customer,
            order_time=suite.now - timedelta(hours=hours),
            store=f"{suite.organization}/stores/s1",
            currency_code="CNY",
            lines=lines,
            promised_date=promised,
            destination_zone="Asia/Shanghai",
        )
    )


def view(suite):
    """The customer's view holds what all four services know."""

    def whole():
        found = suite.ask(pb.GetCustomer360Request(name=suite.first)).customer_360
        return None if found.missing else found

    seen = suite.until("a view to which every service answered", whole)
    suite.same(seen.customer.name, suite.first, "whose view it is")
    suite.true(
        any(edge.identifier.value.lower() == suite.card for edge in seen.identity_edges), "the card is not in the view"
    )
    suite.same((seen.orders.order_count, seen.orders.values[0].minor_units), (1, 17_500), "what was bought")
    suite.same(seen.orders.latest_orders[0].name, suite.on_time, "the latest order")
    standing = {one.program: one for one in seen.loyalty}
    suite.same(set(standing), {suite.program, suite.club, f"programs/cards-{suite.tag}"}, "the programs")
    suite.same(standing[suite.program].available_points, 290, "the points in the view")
    suite.same([one.shipment for one in seen.open_shipments], [suite.parcel], "the open shipments")
    suite.same([(one.case, one.state) for one in seen.open_cases], [(suite.case, "OPEN")], "the open cases")
    hers = suite.ask(pb.GetCustomer360Request(name=suite.second)).customer_360
    suite.same(
        [list(one.causes) for one in hers.open_cases],
        [["LATE_DELIVERY", "LATE_DELIVERY", "LOW_RATING"]],
        "why her case is open",
    )
    suite.invalid(pb.GetCustomer360Request(name="x"), "name")
    none = suite.other("customers")
    suite.missing(pb.GetCustomer360Request(name=none), "customer", none)
