"""Cases opened, answered, solved and opened again: CaseService."""

from feedback import cases_of
from stubs import feedback as pb
from suite import copy


def cases(suite):
    """A late and badly reviewed order has one case with every cause; a person's case goes its way."""

    def whole():
        found = cases_of(suite, suite.late)
        return found if [len(case.causes) for case in found] == [3] else None

    late = suite.until("the late order has one case with three causes", whole)[0]
    kinds = sorted(cause.kind for cause in late.causes)
    suite.same(kinds, [pb.CASE_CAUSE_KIND_LATE_DELIVERY] * 2 + [pb.CASE_CAUSE_KIND_LOW_RATING], "why")
    case = pb.Case(
        organization=suite.organization, kind=pb.CASE_KIND_QUESTION, subject="How?", customer=suite.first,
        source="web", external_id=f"c-{suite.tag}",
    )  # fmt: skip
    request = pb.CreateCaseRequest(case=case)
    other = copy(request)
    other.case.subject = "Why?"
    made = suite.once(request, other).case
    suite.case = made.name
    suite.same((made.state, made.subject), (pb.CASE_STATE_NEW, "How?"), "the new case")
    case.description = "I wonder"
    again = suite.ask(pb.CreateCaseRequest(case=case)).case
    suite.same((again.name, again.description), (made.name, "I wonder"), "the case by the same id of its source")
    ours = f'organization = "{suite.organization}"'
    suite.same(
        [one.name for one in suite.pages(pb.ListCasesRequest(filter=ours), "cases", 1)],
        [made.name, late.name],
        "cases, the newest first",
    )
    new = pb.ListCasesRequest(filter=f"{ours} AND kind = QUESTION AND state = NEW")
    suite.same([one.name for one in suite.pages(new, "cases")], [made.name], "the new questions")

    reply = pb.ReplyToCaseRequest(
        name=made.name, author=pb.CASE_AUTHOR_AGENT, text="So.", next_state=pb.CASE_STATE_PENDING
    )
    other = copy(reply)
    other.text = "Not so."
    replied = suite.once(reply, other)
    suite.same((replied.case.state, replied.message.text), (pb.CASE_STATE_PENDING, "So."), "the case after a reply")
    thanks = suite.ask(pb.ReplyToCaseRequest(name=made.name, author=pb.CASE_AUTHOR_CUSTOMER, text="And if not?"))
    suite.same(thanks.case.state, pb.CASE_STATE_OPEN, "the case after the customer wrote")
    texts = [message.text for message in suite.ask(pb.GetCaseRequest(name=made.name)).messages]
    suite.same(texts, ["So.", "And if not?"], "the messages")

    suite.refused(pb.ReopenCaseRequest(name=made.name), "FAILED_PRECONDITION", "CASE_NOT_SOLVED")
    suite.refused(pb.SolveCaseRequest(name=made.name, etag=made.etag), "ABORTED", "ETAG_MISMATCH")
    solved = suite.once(
        pb.SolveCaseRequest(name=made.name, etag=thanks.case.etag), pb.SolveCaseRequest(name=made.name)
    ).case
    suite.same((solved.state, solved.HasField("solve_time")), (pb.CASE_STATE_SOLVED, True), "the solved case")
    suite.refused(pb.SolveCaseRequest(name=made.name), "FAILED_PRECONDITION", "CASE_SOLVED")
    suite.refused(pb.ReopenCaseRequest(name=made.name, etag=made.etag), "ABORTED", "ETAG_MISMATCH")
    opened = suite.once(
        pb.ReopenCaseRequest(name=made.name), pb.ReopenCaseRequest(name=made.name, etag=solved.etag)
    ).case
    suite.same(
        (opened.state, opened.HasField("solve_time")), (pb.CASE_STATE_OPEN, False), "the case that is open again"
    )


def bad_cases(suite):
    """Every call of cases with fields that are wrong, and about cases that do not exist."""
    suite.invalid(pb.CreateCaseRequest(), "request_id", "case")
    wrong = pb.Case(
        organization="x", subject=" ", description="y" * 20_001, customer="x", order="x", source="X", external_id=" "
    )
    names = ("organization", "kind", "subject", "description", "customer", "order", "source", "external_id")
    suite.invalid(pb.CreateCaseRequest(case=wrong, request_id="1"), "request_id", *(f"case.{name}" for name in names))
    half = pb.Case(kind=pb.CASE_KIND_RETURN, subject="x", source="web")
    suite.invalid(pb.CreateCaseRequest(case=half), "case.external_id=INTAKE_INCOMPLETE")
    reply = pb.ReplyToCaseRequest(name="x", text=" ", next_state=pb.CASE_STATE_CLOSED)
    suite.invalid(reply, "request_id", "name", "author", "text", "next_state")
    customer = pb.ReplyToCaseRequest(
        name=suite.case, author=pb.CASE_AUTHOR_CUSTOMER, text="x", next_state=pb.CASE_STATE_OPEN
    )
    suite.invalid(customer, "next_state=NEXT_STATE_NOT_AGENT")
    suite.invalid(pb.GetCaseRequest(name="x"), "name")
    suite.invalid(
        pb.ListCasesRequest(filter="mood = GOOD", page_token="rubbish"),
        *("filter=FILTER_FIELD_UNKNOWN", "page_token=PAGE_TOKEN_MALFORMED"),
    )
    suite.invalid(
        pb.ListCasesRequest(filter="x" * 1001, page_size=-1, page_token="x" * 1025), "filter", "page_size", "page_token"
    )
    for message in (pb.SolveCaseRequest, pb.ReopenCaseRequest):
        suite.invalid(message(name="x", etag="x" * 65), "request_id", "name", "etag")
    none = suite.other("cases")
    for request in (
        pb.GetCaseRequest(name=none),
        pb.ReplyToCaseRequest(name=none, author=pb.CASE_AUTHOR_AGENT, text="x"),
        pb.SolveCaseRequest(name=none),
        pb.ReopenCaseRequest(name=none),
    ):
        suite.missing(request, "case", none)
