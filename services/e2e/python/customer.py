"""Customers, identity and organisations: CustomerService, IdentityService, OrganizationService."""

from datetime import timedelta

from google.protobuf.field_mask_pb2 import FieldMask

from stubs import customer as pb
from suite import copy, phone

MASK = FieldMask


def organizations(suite):
    """An organisation of the run's own, with stores."""
    made = organization(suite)
    request = pb.CreateOrganizationRequest(organization_id=made.name.split("/")[1], organization=made)
    other = copy(request)
    other.organization.display_name = "Another"
    suite.same(suite.once(request, other).organization.display_name, "Python's", "the organisation's name")
    refusal = suite.refused(copy_anew(request), "ALREADY_EXISTS", "ALREADY_EXISTS")
    suite.same(refusal.resource, ("organization", suite.organization), "what exists")
    suite.same(suite.ask(pb.GetOrganizationRequest(name=made.name)).organization.currency_code, "CNY", "its currency")
    names = [one.name for one in suite.pages(pb.ListOrganizationsRequest(), "organizations", size=1)]
    suite.true({"organizations/default", made.name} <= set(names), f"the organisations are {names}")
    suite.same(names, sorted(names), "the order of organisations")

    suite.invalid(pb.CreateOrganizationRequest(), "organization_id", "organization", "request_id")
    wrong = pb.Organization(display_name="x" * 201, currency_code="cny")
    suite.invalid(
        pb.CreateOrganizationRequest(organization_id="9 wrong", organization=wrong, request_id="1"),
        *("organization_id", "request_id=string.uuid", "organization.display_name=string.max_len"),
        *("organization.time_zone=string.min_len", "organization.currency_code=string.pattern"),
    )
    zone = pb.Organization(display_name="x", time_zone="Mars/Olympus", currency_code="ZZZ")
    suite.invalid(
        pb.CreateOrganizationRequest(organization_id="mars", organization=zone),
        *("organization.time_zone=ZONE_UNKNOWN",),
    )
    suite.invalid(pb.GetOrganizationRequest(name="shops/1"), "name")
    suite.missing(pb.GetOrganizationRequest(name="organizations/nowhere"), "organization", "organizations/nowhere")
    suite.invalid(pb.ListOrganizationsRequest(page_size=-1, page_token="x" * 1025), "page_size", "page_token")
    suite.invalid(pb.ListOrganizationsRequest(page_token="rubbish"), "page_token=PAGE_TOKEN_MALFORMED")


def organization(suite):
    return pb.Organization(
        name=suite.organization, display_name="Python's", time_zone="Asia/Shanghai", currency_code="CNY"
    )


def stores(suite):
    """Stores of the run's organisation."""
    for number in (3, 1, 2):
        store = pb.Store(display_name=f"Store {number}", locality="Nanjing")
        request = pb.CreateStoreRequest(parent=suite.organization, store_id=f"s{number}", store=store)
        other = copy(request)
        other.store.locality = "Suzhou"
        suite.same(suite.once(request, other).store.name, f"{suite.organization}/stores/s{number}", "the store's name")
    refusal = suite.refused(copy_anew(request), "ALREADY_EXISTS", "ALREADY_EXISTS")
    suite.same(refusal.resource, ("store", f"{suite.organization}/stores/s2"), "what exists")
    got = suite.ask(pb.GetStoreRequest(name=f"{suite.organization}/stores/s1")).store
    suite.same((got.display_name, got.locality), ("Store 1", "Nanjing"), "the store")
    found = suite.pages(pb.ListStoresRequest(parent=suite.organization), "stores")
    suite.same([store.name.rpartition("/")[2] for store in found], ["s1", "s2", "s3"], "the stores in order")

    suite.invalid(pb.CreateStoreRequest(), "parent", "store_id", "store", "request_id")
    wrong = pb.Store(display_name="", locality="x" * 101, time_zone="y" * 65)
    suite.invalid(
        pb.CreateStoreRequest(parent="x", store_id="S 1", store=wrong),
        *("parent", "store_id", "store.display_name", "store.locality", "store.time_zone"),
    )
    zone = pb.Store(display_name="x", time_zone="Mars/Olympus")
    suite.invalid(
        pb.CreateStoreRequest(parent=suite.organization, store_id="mars", store=zone),
        "store.time_zone=ZONE_UNKNOWN",
    )
    nowhere = pb.CreateStoreRequest(parent="organizations/nowhere", store_id="s1", store=pb.Store(display_name="x"))
    suite.missing(nowhere, "organization", "organizations/nowhere")
    suite.invalid(pb.GetStoreRequest(name=suite.organization), "name")
    name = f"{suite.organization}/stores/none"
    suite.missing(pb.GetStoreRequest(name=name), "store", name)
    suite.missing(pb.ListStoresRequest(parent="organizations/nowhere"), "organization", "organizations/nowhere")
    suite.invalid(
        pb.ListStoresRequest(parent="x", page_size=-1, page_token="x" * 1025), "parent", "page_size", "page_token"
    )


def customers(suite):
    """Customers made, found, changed, deleted and brought back."""
    suite.family = f"Wang{suite.tag}"
    suite.phone, suite.card = phone(), f"6200{suite.tag}"
    identifiers = [
        pb.Identifier(type=pb.IDENTIFIER_TYPE_PHONE, value=f"{suite.phone[:3]} {suite.phone[3:7]} {suite.phone[7:]}"),
        pb.Identifier(type=pb.IDENTIFIER_TYPE_EMAIL, value=f"Ming.{suite.tag}@Example.COM"),
        pb.Identifier(type=pb.IDENTIFIER_TYPE_CARD, value=f"6200-{suite.tag}"),
        pb.Identifier(type=pb.IDENTIFIER_TYPE_EXTERNAL_ID, source="pos", value=f"{suite.tag}-1"),
    ]
    request = pb.CreateCustomerRequest(customer=profile(suite, "小明", "Nanjing"), identifiers=identifiers)
    other = copy(request)
    other.customer.given_name = "小红"
    made = suite.once(request, other).customer
    suite.first = made.name
    suite.same(made.organization, suite.organization, "the customer's organisation")
    suite.same(made.state, pb.CUSTOMER_STATE_ACTIVE, "the state of a new customer")
    values = sorted(identifier.value for identifier in made.identifiers)
    expected = [f"+86{suite.phone}", f"ming.{suite.tag}@example.com", f"6200{suite.tag}", f"{suite.tag}-1"]
    suite.same([value.lower() for value in values], sorted(expected), "the normalised identifiers")
    suite.same(suite.ask(pb.GetCustomerRequest(name=made.name)).customer, made, "the customer as it was made")
    suite.second, suite.third = [
        suite.ask(pb.CreateCustomerRequest(customer=profile(suite, given, "Suzhou"))).customer.name
        for given in ("芳", "伟")
    ]
    wanted = [suite.third, suite.first, suite.second]
    several = suite.ask(pb.BatchGetCustomersRequest(names=wanted)).customers
    suite.same([one.name for one in several], wanted, "the customers in the order asked for")

    suite.invalid(pb.CreateCustomerRequest(), "customer", "request_id")
    wrong = pb.Customer(
        organization="x",
        display_name="x" * 201,
        birth_date="1990",
        language_code="?",
        address=pb.Address(region_code="cn"),
    )
    suite.invalid(
        pb.CreateCustomerRequest(
            customer=wrong,
            identifiers=[pb.Identifier(), pb.Identifier(type=9999, value="1", source="A")],
            request_id="x",
        ),
        *("request_id", "customer.organization", "customer.display_name=string.max_len", "customer.birth_date"),
        *("customer.language_code", "customer.address.region_code"),
        *("identifiers[0].type", "identifiers[0].value", "identifiers[1].type", "identifiers[1].source"),
    )
    suite.invalid(
        pb.CreateCustomerRequest(
            customer=pb.Customer(birth_date=suite.day(2), organization=suite.organization),
            identifiers=[
                pb.Identifier(type=pb.IDENTIFIER_TYPE_EXTERNAL_ID, value="1"),
                pb.Identifier(type=pb.IDENTIFIER_TYPE_EMAIL, value="nobody"),
                pb.Identifier(type=pb.IDENTIFIER_TYPE_PHONE, value="13800138000"),
            ],
        ),
        *("identifiers[0].source=SOURCE_REQUIRED", "identifiers[1].value=IDENTIFIER_INVALID"),
        *("identifiers[2].value=IDENTIFIER_DENIED", "customer.birth_date=BIRTH_DATE_FUTURE"),
    )
    taken = pb.CreateCustomerRequest(customer=profile(suite, "二", "Wuxi"), identifiers=identifiers[2:3])
    refusal = suite.refused(taken, "FAILED_PRECONDITION", "IDENTIFIER_TAKEN")
    suite.same(refusal.metadata.get("customer"), suite.first, "whose the identifier is")
    suite.missing(
        pb.CreateCustomerRequest(customer=pb.Customer(organization="organizations/nowhere")),
        *("organization", "organizations/nowhere"),
    )
    suite.invalid(pb.GetCustomerRequest(name="customers/7"), "name=string.pattern")
    none = suite.other("customers")
    suite.missing(pb.GetCustomerRequest(name=none), "customer", none)
    suite.missing(pb.BatchGetCustomersRequest(names=[suite.first, none]), "customer", none)
    suite.invalid(pb.BatchGetCustomersRequest(), "names")
    suite.invalid(pb.BatchGetCustomersRequest(names=["x", suite.first, "y"]), "names[0]", "names[2]")


def profile(suite, given, city):
    return pb.Customer(
        organization=suite.organization,
        display_name=f"{suite.family} {given}",
        given_name=given,
        family_name=suite.family,
        birth_date="1990-02-28",
        address=pb.Address(region_code="CN", locality=city, address_lines=["1 Xuanwu"]),
        language_code="zh-Hans-CN",
    )


def updates(suite):
    """A mask changes its fields and no others; an etag that is old stops it."""
    before = suite.ask(pb.GetCustomerRequest(name=suite.second)).customer
    changed = pb.Customer(
        name=before.name, etag=before.etag, given_name="芳芳", family_name="Li", birth_date="1991-01-01"
    )
    request = pb.UpdateCustomerRequest(customer=changed, update_mask=MASK(paths=["given_name", "birth_date"]))
    other = copy(request)
    other.customer.given_name = "方"
    after = suite.once(request, other).customer
    suite.same((after.given_name, after.birth_date), ("芳芳", "1991-01-01"), "what the mask names")
    suite.same((after.family_name, after.address), (before.family_name, before.address), "what the mask does not name")
    suite.true(after.etag != before.etag, "an update left the etag as it was")
    stale = suite.refused(copy_anew(request), "ABORTED", "ETAG_MISMATCH")
    suite.same(stale.metadata.get("name"), before.name, "what was changed")
    cleared = pb.UpdateCustomerRequest(customer=pb.Customer(name=before.name), update_mask=MASK(paths=["birth_date"]))
    suite.same(suite.ask(cleared).customer.birth_date, "", "a birth date that was cleared")

    suite.invalid(pb.UpdateCustomerRequest(), "customer", "request_id")
    suite.invalid(
        pb.UpdateCustomerRequest(
            customer=pb.Customer(birth_date="1990-02-30"), update_mask=MASK(paths=["name", "shoe_size"])
        ),
        *("customer.name", "customer.birth_date=DATE_MALFORMED", "update_mask=FIELD_MASK_PATH_UNKNOWN"),
    )
    none = suite.other("customers")
    suite.missing(pb.UpdateCustomerRequest(customer=pb.Customer(name=none)), "customer", none)


def lists(suite):
    """Filters, orders and pages of customers, and whom an identifier belongs to."""
    family = f'family_name = "{suite.family}"'
    ours = pb.ListCustomersRequest(organization=suite.organization, filter=family, order_by="display_name desc")
    names = [one.display_name for one in suite.pages(ours, "customers")]
    suite.same((len(names), names), (3, sorted(names, reverse=True)), "the customers, the last name first")
    city = pb.ListCustomersRequest(filter=f'{family} AND address.locality = "Suzhou" AND state = ACTIVE')
    suite.same(
        {one.name for one in suite.pages(city, "customers", 1)}, {suite.second, suite.third}, "who lives in Suzhou"
    )
    suite.same(len(suite.ask(pb.ListCustomersRequest(filter=family, page_size=5000)).customers), 3, "a huge page")
    token = suite.ask(pb.ListCustomersRequest(page_size=1)).next_page_token
    suite.invalid(pb.ListCustomersRequest(filter=family, page_token=token), "page_token=PAGE_TOKEN_MISMATCH")
    suite.invalid(
        pb.ListCustomersRequest(filter='shoe_size = "44"', order_by="shoe_size", page_token="rubbish"),
        *("filter=FILTER_FIELD_UNKNOWN", "order_by=ORDER_FIELD_UNKNOWN", "page_token=PAGE_TOKEN_MALFORMED"),
    )
    suite.invalid(
        pb.ListCustomersRequest(filter="((", order_by="create_time sideways"),
        "filter=FILTER_MALFORMED",
        "order_by=ORDER_MALFORMED",
    )
    suite.invalid(
        pb.ListCustomersRequest(filter="x" * 1001, order_by="x" * 101, page_size=-1, organization="x"),
        *("filter", "order_by", "page_size", "organization"),
    )

    suite.same(suite.ask(lookup(suite, suite.phone)).customer.name, suite.first, "whose the telephone is")
    long_ago = lookup(suite, suite.phone)
    long_ago.as_of_time = suite.ago(days=1)
    suite.same(suite.refused(long_ago, "NOT_FOUND", "NOT_FOUND").resource[:1], ("customer",), "who had it before")
    suite.refused(lookup(suite, phone()), "NOT_FOUND", "NOT_FOUND")
    suite.invalid(pb.LookupCustomerRequest(), "identifier")
    suite.invalid(
        pb.LookupCustomerRequest(identifier=pb.Identifier(source="A"), organization="x", region_code="cn"),
        *("identifier.type", "identifier.value", "identifier.source", "organization", "region_code"),
    )
    wrong = lookup(suite, "12")
    wrong.region_code = "ZZ"
    suite.invalid(wrong, "region_code=REGION_UNKNOWN")
    suite.invalid(lookup(suite, "12"), "identifier.value=IDENTIFIER_INVALID")


def lookup(suite, value):
    identifier = pb.Identifier(type=pb.IDENTIFIER_TYPE_PHONE, value=value)
    return pb.LookupCustomerRequest(identifier=identifier, organization=suite.organization)


def deletion(suite):
    """A customer is deleted and brought back."""
    number = phone()
    identifier = pb.Identifier(type=pb.IDENTIFIER_TYPE_PHONE, value=number)
    request = pb.CreateCustomerRequest(customer=profile(suite, "去", "Wuxi"), identifiers=[identifier])
    made = suite.ask(request).customer
    old = suite.ask(
        pb.UpdateCustomerRequest(
            customer=pb.Customer(name=made.name, given_name="又"), update_mask=MASK(paths=["given_name"])
        )
    )
    suite.refused(pb.DeleteCustomerRequest(name=made.name, etag=made.etag), "ABORTED", "ETAG_MISMATCH")
    request = pb.DeleteCustomerRequest(name=made.name, etag=old.customer.etag)
    deleted = suite.once(request, pb.DeleteCustomerRequest(name=made.name)).customer
    suite.same(deleted.state, pb.CUSTOMER_STATE_DELETED, "the state of a deleted customer")
    suite.true(deleted.HasField("delete_time"), "a deleted customer has no delete_time")
    suite.refused(pb.DeleteCustomerRequest(name=made.name), "FAILED_PRECONDITION", "CUSTOMER_DELETED")
    suite.refused(
        pb.UpdateCustomerRequest(customer=pb.Customer(name=made.name)), "FAILED_PRECONDITION", "CUSTOMER_DELETED"
    )
    suite.refused(lookup(suite, number), "NOT_FOUND", "NOT_FOUND")
    ours = pb.ListCustomersRequest(filter=f'family_name = "{suite.family}"')
    suite.same(len(suite.pages(ours, "customers")), 3, "customers that are not deleted")
    ours.show_deleted = True
    suite.same(len(suite.pages(ours, "customers")), 4, "customers with deleted ones")

    suite.refused(pb.UndeleteCustomerRequest(name=made.name, etag=made.etag), "ABORTED", "ETAG_MISMATCH")
    request = pb.UndeleteCustomerRequest(name=made.name)
    back = suite.once(request, pb.UndeleteCustomerRequest(name=made.name, etag=deleted.etag)).customer
    suite.same((back.state, back.HasField("delete_time")), (pb.CUSTOMER_STATE_ACTIVE, False), "who is back")
    suite.same(suite.ask(lookup(suite, number)).customer.name, made.name, "whose the telephone is again")
    suite.refused(pb.UndeleteCustomerRequest(name=made.name), "FAILED_PRECONDITION", "CUSTOMER_NOT_DELETED")

    for message in (pb.DeleteCustomerRequest, pb.UndeleteCustomerRequest):
        suite.invalid(message(name="x", etag="x" * 65, request_id="1"), "name", "etag", "request_id")
        none = suite.other("customers")
        suite.missing(message(name=none), "customer", none)


def identity(suite):
    """Source records: the first makes a customer, a card finds him again, a bad one is answered and costs no other."""
    card = pb.SourceIdentifier(identifier=pb.Identifier(type=pb.IDENTIFIER_TYPE_CARD, value=suite.card))
    known = suite.tell([record(suite, "web", "7", [card])])[0]
    suite.same((known.outcome, known.customer), (pb.INGEST_OUTCOME_LINKED, suite.first), "whose record it is")
    suite.same(list(known.identifiers), [pb.IDENTIFIER_OUTCOME_LINKED], "what became of the card")
    wrong = record(suite, "WEB", " ", [pb.SourceIdentifier()])
    wrong.record.ClearField("event_time")
    future = record(suite, "web", "8", [])
    future.record.event_time = suite.now + timedelta(days=3)
    hotline = pb.SourceIdentifier(identifier=pb.Identifier(type=pb.IDENTIFIER_TYPE_PHONE, value="4008123123"))
    answers = suite.tell([record(suite, "web", "7", [card]), wrong, record(suite, "web", "9", [hotline]), future])
    suite.same(answers[0].outcome, pb.INGEST_OUTCOME_DUPLICATE, "the same record again")
    fields = ("record.source", "record.external_id", "record.event_time", "record.identifiers[0].identifier")
    suite.rejected(answers[1], "INVALID_ARGUMENT", *fields)
    suite.same(answers[2].outcome, pb.INGEST_OUTCOME_CREATED, "a record of somebody new")
    suite.same(list(answers[2].identifiers), [pb.IDENTIFIER_OUTCOME_IMPERSONAL], "what became of the hotline")
    suite.rejected(answers[3], "INVALID_ARGUMENT", "record.event_time=TIMESTAMP_IN_FUTURE")
    revised = record(suite, "web", "7", [card])
    revised.record.language_code = "en"
    suite.same(suite.tell([revised])[0].outcome, pb.INGEST_OUTCOME_REVISED, "another version of a record")

    edges = suite.pages(pb.ListIdentityEdgesRequest(customer=suite.first), "identity_edges")
    found = {(edge.identifier.source, edge.identifier.value) for edge in edges}
    suite.true({("pos", f"{suite.tag}-1"), ("web", f"{suite.tag}-7")} <= found, f"the external ids are {found}")
    suite.true(all(edge.customer == suite.first for edge in edges), "an edge is of somebody else")
    before = pb.ListIdentityEdgesRequest(customer=suite.first, as_of_time=suite.ago(days=30))
    suite.same(len(suite.ask(before).identity_edges), 0, "what recognised him before")
    suite.invalid(
        pb.ListIdentityEdgesRequest(customer="x", page_size=-1, page_token="x" * 1025),
        "customer",
        "page_size",
        "page_token",
    )
    none = suite.other("customers")
    suite.missing(pb.ListIdentityEdgesRequest(customer=none), "customer", none)


def record(suite, source, external_id, identifiers):
    return pb.IngestSourceRecordsRequest(
        record=pb.SourceRecord(
            organization=suite.organization,
            source=source,
            external_id=f"{suite.tag}-{external_id}" if external_id.strip() else external_id,
            event_time=suite.ago(hours=2),
            basis=pb.BASIS_DECLARED,
            identifiers=identifiers,
        )
    )


def copy_anew(request):
    """The same request under an id of its own."""
    again = copy(request)
    again.request_id = ""
    return again
