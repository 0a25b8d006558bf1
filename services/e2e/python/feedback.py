"""Surveys, invitations, scores, reviews and cases: SurveyService, ScoreService, ReviewService, CaseService."""

from datetime import timedelta

import grpc
from google.protobuf.field_mask_pb2 import FieldMask

from stubs import feedback as pb
from suite import copy


def questions():
    recommend = pb.Question(id="recommend", kind=pb.QUESTION_KIND_NPS, prompt="Would you recommend us?", required=True)
    return [recommend, pb.Question(id="why", kind=pb.QUESTION_KIND_TEXT, prompt="Why?")]


def surveys(suite):
    """A survey that goes out on delivery, in versions."""
    suite.survey = f"surveys/nps-{suite.tag}"
    survey = pb.Survey(
        organization=suite.organization,
        display_name="Delivered",
        questions=questions(),
        trigger=pb.SURVEY_TRIGGER_DELIVERED,
        time_zone="Asia/Shanghai",
    )
    request = pb.CreateSurveyRequest(survey_id=f"nps-{suite.tag}", survey=survey)
    other = copy(request)
    other.survey.display_name = "Another"
    made = suite.once(request, other).survey
    suite.same((made.name, made.version), (suite.survey, 1), "the new survey")
    again = copy(request)
    again.request_id = ""
    suite.same(
        suite.refused(again, "ALREADY_EXISTS", "ALREADY_EXISTS").resource, ("survey", suite.survey), "what exists"
    )
    again.survey_id, again.request_id = f"other-{suite.tag}", ""
    suite.refused(again, "FAILED_PRECONDITION", "SURVEY_TRIGGER_TAKEN")

    changed = copy(made)
    changed.display_name, changed.time_zone = "After delivery", "Asia/Tokyo"
    request = pb.UpdateSurveyRequest(survey=changed, update_mask=FieldMask(paths=["display_name"]))
    other = copy(request)
    other.survey.display_name = "Another"
    after = suite.once(request, other).survey
    suite.same(
        (after.display_name, after.time_zone, after.version), ("After delivery", "Asia/Shanghai", 2), "the new version"
    )
    stale = copy(request)
    stale.request_id = ""
    suite.refused(stale, "ABORTED", "ETAG_MISMATCH")
    suite.same(suite.ask(pb.GetSurveyRequest(name=suite.survey)).survey, after, "the latest version")
    first = suite.ask(pb.GetSurveyRequest(name=suite.survey, version=1)).survey
    suite.same((first.display_name, first.version), ("Delivered", 1), "the first version")


def bad_surveys(suite):
    """Surveys with wrong fields."""
    suite.invalid(pb.CreateSurveyRequest(), "request_id", "survey_id", "survey")
    wrong = pb.Survey(
        organization="x", display_name=" ", questions=[pb.Question(id="X", prompt="y" * 501)], trigger=9999
    )
    fields = ("survey.organization", "survey.display_name", "survey.trigger", "survey.time_zone")
    inner = ("survey.questions[0].id", "survey.questions[0].kind", "survey.questions[0].prompt")
    suite.invalid(
        pb.CreateSurveyRequest(survey_id="X", survey=wrong, request_id="1"), "request_id", "survey_id", *fields, *inner
    )
    twice = pb.Survey(display_name="x", questions=questions() + questions()[:1], time_zone="Mars/Olympus")
    suite.invalid(
        pb.CreateSurveyRequest(survey_id=f"none-{suite.tag}", survey=twice),
        *("survey.questions[2].id=QUESTION_REPEATED", "survey.time_zone=ZONE_UNKNOWN"),
    )
    suite.invalid(pb.GetSurveyRequest(name="x", version=-1), "name", "version")
    suite.missing(pb.GetSurveyRequest(name="surveys/none"), "survey", "surveys/none")
    suite.refused(pb.GetSurveyRequest(name=suite.survey, version=99), "NOT_FOUND", "NOT_FOUND")
    suite.invalid(pb.UpdateSurveyRequest(), "request_id", "survey")
    changed = suite.ask(pb.GetSurveyRequest(name=suite.survey)).survey
    kinds = copy(changed)
    kinds.questions[0].kind = pb.QUESTION_KIND_CSAT
    suite.invalid(pb.UpdateSurveyRequest(survey=kinds), "survey.questions[0].kind=QUESTION_KIND_CHANGED")
    unknown = pb.UpdateSurveyRequest(survey=copy(changed), update_mask=FieldMask(paths=["trigger", "mood"]))
    unknown.survey.name, unknown.survey.time_zone = "x", "Mars/Olympus"
    suite.invalid(
        unknown,
        *("survey.name=NAME_MALFORMED", "update_mask=FIELD_MASK_PATH_UNKNOWN", "survey.time_zone=ZONE_UNKNOWN"),
    )
    changed.name = "surveys/none"
    changed.etag = ""
    suite.missing(pb.UpdateSurveyRequest(survey=changed), "survey", "surveys/none")


def invitations(suite):
    """An order is asked about once, after its last package, and never where a promise was broken."""

    def invited():
        return suite.ask(pb.InviteRequest(survey=suite.survey, order=suite.on_time))

    suite.until("the late order has its case", lambda: cases_of(suite, suite.late))
    found = suite.until("the order is asked about", lambda: attempt(invited))
    suite.same(
        (found.created, found.invitation.customer), (False, suite.first), "the invitation that the delivery made"
    )
    suite.invitation = found.invitation.name
    for order, reason in (
        (suite.late, "ORDER_PROMISE_BROKEN"),
        (suite.cancelled, "ORDER_CANCELLED"),
        (suite.on_its_way, "ORDER_NOT_DELIVERED"),
    ):
        suite.refused(pb.InviteRequest(survey=suite.survey, order=order), "FAILED_PRECONDITION", reason)
    suite.invalid(pb.InviteRequest(survey="x", customer="x", order="x"), "request_id", "survey", "customer", "order")
    suite.invalid(pb.InviteRequest(survey=suite.survey), "customer")
    mismatch = pb.InviteRequest(survey=suite.survey, customer=suite.second, order=suite.on_time)
    suite.invalid(mismatch, "customer=CUSTOMER_MISMATCH")
    none = f"orders/py:{suite.tag}-none"
    suite.missing(pb.InviteRequest(survey=suite.survey, order=none), "order", none)
    suite.missing(pb.InviteRequest(survey="surveys/none", customer=suite.first), "survey", "surveys/none")

    dismiss = pb.RecordImpressionRequest(invitation=suite.invitation, kind=pb.IMPRESSION_KIND_DISMISSED)
    suite.refused(dismiss, "FAILED_PRECONDITION", "IMPRESSION_NOT_SHOWN")
    show = pb.RecordImpressionRequest(invitation=suite.invitation, kind=pb.IMPRESSION_KIND_SHOWN)
    other = copy(show)
    other.version = 1
    shown = suite.once(show, other).invitation
    suite.same((shown.state, shown.version), (pb.INVITATION_STATE_SHOWN, 2), "the invitation that was shown")
    suite.same(suite.ask(copy(dismiss)).invitation.state, pb.INVITATION_STATE_DISMISSED, "when it was put away")
    wrong = pb.RecordImpressionRequest(invitation="x", version=-1)
    suite.invalid(wrong, "request_id", "invitation", "kind", "version")
    none = suite.other("invitations")
    suite.missing(pb.RecordImpressionRequest(invitation=none, kind=pb.IMPRESSION_KIND_SHOWN), "invitation", none)


def attempt(ask):
    """What a call gives, or nothing while it is refused."""
    try:
        return ask()
    except grpc.RpcError as error:
        if error.code() not in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION):
            raise
        return None


def responses(suite):
    """An invitation is answered once; wrong answers are all named at once."""
    wrong = pb.SubmitResponseRequest(invitation=suite.invitation, answer_time=suite.now + timedelta(days=1))
    wrong.answers.add(question="mood", number=3)
    wrong.answers.add(question="why", number=3)
    suite.invalid(
        wrong,
        *("answers[0].question=ANSWER_UNKNOWN", "answers[1].number=ANSWER_SORT", "answers=ANSWER_MISSING"),
        *("answer_time=ANSWER_TIME_FUTURE",),
    )
    empty = pb.SubmitResponseRequest(invitation=suite.invitation)
    empty.answers.add(question="recommend", number=3, text="both")
    empty.answers.add(question="why")
    suite.invalid(empty, "answers[0]=ANSWER_VALUE", "answers[1]=ANSWER_VALUE")
    malformed = pb.SubmitResponseRequest(invitation="x")
    malformed.answers.add(question="X", number=11, text="y" * 5001)
    fields = ("answers[0].question", "answers[0].number", "answers[0].text")
    suite.invalid(malformed, "request_id", "invitation", *fields)
    none = suite.other("invitations")
    missing = pb.SubmitResponseRequest(invitation=none)
    missing.answers.add(question="recommend", number=3)
    suite.missing(missing, "invitation", none)

    answer(suite, suite.invitation, 10)
    for number in (9, 8, 3):
        made = suite.ask(pb.InviteRequest(survey=suite.survey, customer=suite.third))
        suite.true(made.created, "an invitation without an order was not made")
        answer(suite, made.invitation.name, number)


def answer(suite, invitation, number):
    request = pb.SubmitResponseRequest(invitation=invitation)
    request.answers.add(question="recommend", number=number)
    given = suite.ask(request).response
    suite.same([one.number for one in given.answers], [number], "the answers")
    again = copy(request)
    again.request_id = ""
    suite.same(suite.ask(again).response, given, "the response to the same answers")
    again.request_id, again.answers[0].number = "", 0
    suite.refused(again, "FAILED_PRECONDITION", "INVITATION_ANSWERED")


def scores(suite):
    """Two promoters and one detractor of four are 25."""
    request = pb.GetScoreRequest(survey=suite.survey, formula=pb.SCORE_FORMULA_NPS)
    score = suite.ask(request).score
    suite.same((score.n, score.value, score.question), (4, "25.0000", "recommend"), "the score")
    suite.true(score.interval.low < 25 < score.interval.high, f"the interval is {score.interval}")
    suite.same((score.reach.sent, score.reach.answered, score.reach.response_rate), (4, 4, "1.0000"), "its reach")
    request.window.to_date = suite.day(-30)
    before = suite.ask(request).score
    suite.same((before.n, before.HasField("value")), (0, False), "the score of no answer")
    windows = {"before": pb.ScoreWindow(to_date=suite.day(-30)), "after": pb.ScoreWindow(from_date=suite.day(-30))}
    compared = suite.ask(pb.CompareScoresRequest(survey=suite.survey, formula=pb.SCORE_FORMULA_NPS, **windows))
    suite.same(
        (compared.before.n, compared.after.value, compared.HasField("z")), (0, "25.0000", False), "the comparison"
    )

    survey = {"survey": suite.survey}
    for message, window in ((pb.GetScoreRequest, {}), (pb.CompareScoresRequest, windows)):
        wrong = message(survey="x", question="X", formula=9999, **window)
        suite.invalid(wrong, "survey", "question", "formula")
        missing = message(survey="surveys/none", formula=pb.SCORE_FORMULA_NPS, **window)
        suite.missing(missing, "survey", "surveys/none")
        mismatch = message(formula=pb.SCORE_FORMULA_CSAT_TOP_TWO, **survey, **window)
        suite.refused(mismatch, "FAILED_PRECONDITION", "SCORE_QUESTION_MISMATCH")
    suite.invalid(pb.CompareScoresRequest(), "survey", "formula", "before", "after")
    never = pb.ScoreWindow(from_date="2026-02-30", to_date="2026-02-31")
    suite.invalid(
        pb.GetScoreRequest(formula=pb.SCORE_FORMULA_NPS, window=never, **survey),
        *("window.from_date=DATE_MALFORMED", "window.to_date=DATE_MALFORMED"),
    )
    empty = pb.ScoreWindow(from_date="2026-02-02", to_date="2026-02-02")
    both = pb.CompareScoresRequest(formula=pb.SCORE_FORMULA_NPS, before=empty, after=empty, **survey)
    suite.invalid(both, "before.to_date=WINDOW_EMPTY", "after.to_date=WINDOW_EMPTY")


def reviews(suite):
    """A review is itself by source, id and subject; the rating is the mean of all."""
    for number, (order, customer, rating) in enumerate(
        ((suite.late, suite.second, 1), (suite.on_time, suite.first, 5), (suite.on_its_way, suite.third, 4))
    ):
        review = pb.Review(
            organization=suite.organization, source=f"py-{suite.tag}"[:32], external_id=f"r{number}", subject=order,
            customer=customer, rating=rating, text="so it was", review_time=suite.ago(hours=3 - number),
        )  # fmt: skip
        request = pb.SubmitReviewRequest(review=review)
        other = copy(request)
        other.review.text = "it was not"
        submitted = suite.once(request, other)
        suite.same((submitted.outcome, submitted.review.rating), (pb.REVIEW_OUTCOME_CREATED, rating), "the review")
    same = suite.ask(pb.SubmitReviewRequest(review=review))
    suite.same((same.outcome, same.review), (pb.REVIEW_OUTCOME_DUPLICATE, submitted.review), "the same review again")
    review.rating = 3
    suite.same(suite.ask(pb.SubmitReviewRequest(review=review)).outcome, pb.REVIEW_OUTCOME_UPDATED, "a changed review")
    rating = suite.ask(pb.GetRatingRequest(organization=suite.organization)).rating
    suite.same((rating.count, rating.sum, rating.mean), (3, 9, "3.000000"), "the rating of the organisation")
    suite.same(list(rating.counts), [1, 0, 1, 0, 1], "how many gave which rating")
    one = suite.ask(pb.GetRatingRequest(subject=suite.late, kind=pb.SUBJECT_KIND_ORDER)).rating
    suite.same((one.count, one.mean), (1, "1.000000"), "the rating of an order")
    ours = f'organization = "{suite.organization}"'
    found = suite.pages(pb.ListReviewsRequest(filter=ours), "reviews", 1)
    suite.same([one.external_id for one in found], ["r2", "r1", "r0"], "the reviews, the latest first")
    low = suite.pages(pb.ListReviewsRequest(filter=f"{ours} AND rating <= 2"), "reviews")
    suite.same([one.subject for one in low], [suite.late], "the low reviews")

    suite.invalid(pb.SubmitReviewRequest(), "request_id", "review")
    wrong = pb.Review(
        organization="x", source="X", external_id=" ", subject="x", customer="x", rating=6, title="y" * 501
    )
    names = ("organization", "source", "external_id", "subject", "customer", "rating", "title")
    suite.invalid(
        pb.SubmitReviewRequest(review=wrong, request_id="1"), "request_id", *(f"review.{name}" for name in names)
    )
    never = copy(review)
    never.subject = "orders/PY"
    never.review_time.seconds = 2**62
    suite.invalid(
        pb.SubmitReviewRequest(review=never),
        *("review.subject=NAME_MALFORMED", "review.review_time=TIMESTAMP_OUT_OF_RANGE"),
    )
    suite.invalid(
        pb.ListReviewsRequest(filter="mood = GOOD", page_token="rubbish"),
        *("filter=FILTER_FIELD_UNKNOWN", "page_token=PAGE_TOKEN_MALFORMED"),
    )
    suite.invalid(pb.ListReviewsRequest(filter="x" * 1001, page_size=-1), "filter", "page_size")
    suite.invalid(pb.GetRatingRequest(subject="x", kind=9999, organization="x"), "subject", "kind", "organization")
    other = pb.GetRatingRequest(subject=suite.late, kind=pb.SUBJECT_KIND_STORE)
    suite.invalid(other, "kind=SUBJECT_KIND_MISMATCH")


def cases_of(suite, order):
    return suite.ask(pb.ListCasesRequest(filter=f'order = "{order}"')).cases
