"""Challenges and referrals: ChallengeService, ReferralService."""

from google.protobuf.field_mask_pb2 import FieldMask

from loyalty import program
from stubs import loyalty as pb
from suite import copy, identify


def challenge(suite, of):
    """Two purchases, ever, for five points."""
    made = pb.Challenge(program=of, display_name="Twice", points=5)
    made.count.measure, made.count.target, made.count.period = pb.CHALLENGE_MEASURE_PURCHASES, 2, pb.CAP_PERIOD_EVER
    return made


def bought(suite, member, number):
    """An order of 20.00."""
    purchase = pb.Purchase(currency_code="CNY")
    purchase.lines.add(line=1, quantity=1, price_minor=2_000)
    suite.ask(pb.EarnPointsRequest(member=member, order=f"orders/py:{suite.tag}-{number}", purchase=purchase))


def challenges(suite):
    """A challenge is made, shown and changed, and says how far a member is."""
    name = f"goals-{suite.tag}"
    suite.ask(pb.CreateProgramRequest(program_id=name, program=program(suite)))
    member = suite.ask(pb.EnrollMemberRequest(program=f"programs/{name}", customer=suite.second)).member.name
    request = pb.CreateChallengeRequest(challenge_id=f"twice-{suite.tag}", challenge=challenge(suite, f"programs/{name}"))
    other = copy(request)
    other.challenge.points = 6
    made = suite.once(request, other).challenge
    again = copy(request)
    again.request_id = ""
    taken = suite.refused(again, "ALREADY_EXISTS", "ALREADY_EXISTS")
    suite.same(taken.resource, ("challenge", made.name), "what exists")
    suite.same(suite.ask(pb.GetChallengeRequest(name=made.name)).challenge, made, "the challenge")
    listed = suite.pages(pb.ListChallengesRequest(program=f"programs/{name}"), "challenges", 1)
    suite.same([one.name for one in listed], [made.name], "the program's challenges")
    changed = copy(made)
    changed.points, changed.display_name = 7, "Two"
    update = pb.UpdateChallengeRequest(challenge=changed, update_mask=FieldMask(paths=["points"]))
    other = copy(update)
    other.challenge.points = 8
    after = suite.once(update, other).challenge
    suite.same((after.points, after.display_name), (7, "Twice"), "what the mask names, and what it does not")
    update.request_id = ""
    suite.refused(update, "ABORTED", "ETAG_MISMATCH")
    bought(suite, member, "goal")
    progress = suite.ask(pb.ListChallengeProgressRequest(member=member)).progress
    suite.same([(one.challenge, one.done, one.needed) for one in progress], [(made.name, 1, 2)], "how far he is")
    suite.same(suite.pages(pb.ListChallengeAwardsRequest(member=member), "awards"), [], "what he was given")


def referrals(suite):
    """A member has one code; who was brought by it is kept, once."""
    terms = program(suite)
    terms.referral.referrer_points = 10
    name = f"brings-{suite.tag}"
    suite.ask(pb.CreateProgramRequest(program_id=name, program=terms))
    old = suite.ask(pb.EnrollMemberRequest(program=f"programs/{name}", customer=suite.third)).member.name
    request = pb.CreateReferralCodeRequest(member=old)
    identify(request)
    code = suite.ask(request).code
    suite.same(suite.ask(request).code, code, "the answer to a repeated request")
    suite.same(suite.ask(pb.CreateReferralCodeRequest(member=old)).code, code, "he has one")
    suite.same(suite.ask(pb.GetReferralCodeRequest(member=old)).code, code, "his code")
    new = suite.ask(pb.EnrollMemberRequest(program=f"programs/{name}", customer=suite.second)).member.name
    request = pb.CreateReferralRequest(member=new, code=code)
    other = copy(request)
    other.code = code.lower()
    referral = suite.once(request, other).referral
    suite.same((referral.referrer, referral.state), (old, pb.REFERRAL_STATE_PENDING), "who brought him")
    for member in (old, new):
        suite.same(suite.pages(pb.ListReferralsRequest(member=member), "referrals"), [referral], "seen by both")
    request.request_id = ""
    suite.refused(request, "ALREADY_EXISTS", "REFERRAL_ALREADY_RECORDED")
    suite.refused(pb.CreateReferralRequest(member=old, code=code), "FAILED_PRECONDITION", "REFERRAL_OWN_CODE")
    suite.refused(
        pb.CreateReferralCodeRequest(member=suite.member), "FAILED_PRECONDITION", "PROGRAM_WITHOUT_REFERRALS"
    )


def bad_requests(suite):
    """Challenges that give nothing or are none, and nobody's progress."""
    nobody, none = suite.other("members"), "challenges/none"
    suite.invalid(pb.CreateChallengeRequest(), "request_id", "challenge_id", "challenge")
    wrong = challenge(suite, suite.club)
    wrong.points = 0
    suite.invalid(
        pb.CreateChallengeRequest(challenge_id=f"no-{suite.tag}", challenge=wrong),
        "challenge.points=CHALLENGE_GIVES_NOTHING",
    )
    suite.missing(pb.GetChallengeRequest(name=none), "challenge", none)
    suite.invalid(pb.ListChallengesRequest(program="x", page_size=-1), "program", "page_size")
    suite.invalid(pb.UpdateChallengeRequest(), "request_id", "challenge")
    for request in (pb.ListChallengeProgressRequest, pb.ListChallengeAwardsRequest, pb.ListReferralsRequest):
        suite.missing(request(member=nobody), "member", nobody)
    suite.missing(pb.CreateReferralCodeRequest(member=nobody), "member", nobody)
    suite.missing(pb.CreateReferralRequest(member=nobody, code="XXXX"), "member", nobody)
    suite.missing(pb.GetReferralCodeRequest(member=nobody), "member", nobody)
