"""Programs, members, points and the ledger: ProgramService, MemberService, PointsService, LedgerService."""

from datetime import timedelta

from google.protobuf.field_mask_pb2 import FieldMask

from stubs import common
from stubs import loyalty as pb
from suite import copy, identify


def programs(suite):
    """Two programs: one that enrols by itself and waits for the delivery, one that credits at once for a year."""
    suite.program, suite.club = f"programs/auto-{suite.tag}", f"programs/club-{suite.tag}"
    auto = program(suite)
    auto.auto_enroll = True
    auto.pending.delivered.SetInParent()
    double = auto.earning_rules.add(id="fresh", categories=["fresh"])
    double.multiplier.factor_milli = 2_000
    club = program(suite)
    club.expiry.period.period.count, club.expiry.period.period.unit = 1, pb.PERIOD_UNIT_YEAR
    club.tiers.CopyFrom(
        pb.TierPolicy(
            tiers=[
                pb.Tier(id="basic", display_name="Basic", threshold=0),
                pb.Tier(id="silver", display_name="Silver", threshold=5_000),
                pb.Tier(id="gold", display_name="Gold", threshold=1_000_000_000),
            ],
            basis=pb.TIER_BASIS_SPEND,
            window=pb.TierWindow(rolling=pb.RollingWindow(months=12)),
            validity=pb.TierValidity(calendar_year=pb.TierYears(additional_years=1)),
            downgrade=pb.TIER_DOWNGRADE_ONE_STEP,
            grace=pb.Period(count=1, unit=pb.PERIOD_UNIT_MONTH),
        )
    )
    for name, terms in ((suite.program, auto), (suite.club, club)):
        request = pb.CreateProgramRequest(program_id=name.split("/")[1], program=terms)
        other = copy(request)
        other.program.display_name = "Another"
        suite.same(suite.once(request, other).program.name, name, "the program's name")
    again = pb.CreateProgramRequest(program_id=f"club-{suite.tag}", program=club)
    suite.same(
        suite.refused(again, "ALREADY_EXISTS", "ALREADY_EXISTS").resource, ("program", suite.club), "what exists"
    )
    got = suite.ask(pb.GetProgramRequest(name=suite.program)).program
    suite.same((got.organization, len(got.earning_rules)), (suite.organization, 2), "the program")
    suite.true(
        {suite.program, suite.club} <= {one.name for one in suite.pages(pb.ListProgramsRequest(), "programs")},
        "programs are missing",
    )

    suite.invalid(pb.CreateProgramRequest(), "request_id", "program_id", "program")
    wrong = pb.Program(organization="x", currency_code="cny", rounding=9999, etag="x" * 65)
    wrong.earning_rules.add(id="X").per_amount.points = 0
    suite.invalid(
        pb.CreateProgramRequest(program_id="X", program=wrong, request_id="1"),
        *("request_id", "program_id", "program.organization", "program.display_name", "program.point_currency"),
        *("program.currency_code", "program.time_zone", "program.rounding", "program.etag"),
        *("program.earning_rules[0].id", "program.earning_rules[0].per_amount.points"),
        *("program.earning_rules[0].per_amount.step_minor",),
    )
    both = program(suite)
    both.earning_rules[0].multiplier.factor_milli = 1
    both.earning_rules.add(id="none")
    both.pending.SetInParent()
    both.expiry.SetInParent()
    suite.invalid(
        pb.CreateProgramRequest(program_id=f"none-{suite.tag}", program=both),
        *("program.earning_rules[0]=EXACTLY_ONE", "program.earning_rules[1]=EXACTLY_ONE"),
        *("program.pending=EXACTLY_ONE", "program.expiry=EXACTLY_ONE"),
    )
    twice = program(suite)
    twice.time_zone = "Mars/Olympus"
    twice.earning_rules.add(id="base").multiplier.factor_milli = 2
    suite.invalid(
        pb.CreateProgramRequest(program_id=f"none-{suite.tag}", program=twice),
        *("program.time_zone=ZONE_UNKNOWN", "program.earning_rules[1].id=RULE_ID_REPEATED"),
    )
    suite.invalid(pb.GetProgramRequest(name="x"), "name")
    none = "programs/none"
    suite.missing(pb.GetProgramRequest(name=none), "program", none)
    suite.invalid(pb.ListProgramsRequest(page_size=-1, page_token="x" * 1025), "page_size", "page_token")
    suite.invalid(pb.ListProgramsRequest(page_token="rubbish"), "page_token=PAGE_TOKEN_MALFORMED")


def program(suite):
    """One point for each whole 1.00 CNY."""
    base = pb.EarningRule(id="base", per_amount=pb.PerAmount(points=1, step_minor=100))
    return pb.Program(
        organization=suite.organization,
        display_name="Python's",
        point_currency=pb.PointCurrency(display_name="points"),
        currency_code="CNY",
        time_zone="Asia/Shanghai",
        rounding=pb.ROUNDING_FLOOR,
        earning_rules=[base],
    )


def program_updates(suite):
    """A mask changes its fields and no others; an etag that is old stops it."""
    before = suite.ask(pb.GetProgramRequest(name=suite.club)).program
    changed = copy(before)
    changed.display_name, changed.auto_enroll = "Club", True
    request = pb.UpdateProgramRequest(program=changed, update_mask=FieldMask(paths=["display_name"]))
    other = copy(request)
    other.program.display_name = "Verein"
    after = suite.once(request, other).program
    suite.same((after.display_name, after.auto_enroll), ("Club", False), "what the mask names, and what it does not")
    stale = copy(request)
    stale.request_id = ""
    suite.refused(stale, "ABORTED", "ETAG_MISMATCH")
    suite.invalid(pb.UpdateProgramRequest(), "request_id", "program")
    unknown = copy(request)
    unknown.update_mask.paths[:] = ["currency_code", "mood"]
    unknown.program.etag = ""
    unknown.program.expiry.Clear()
    unknown.program.expiry.SetInParent()
    unknown.request_id = ""
    suite.invalid(unknown, "update_mask=FIELD_MASK_PATH_UNKNOWN", "program.expiry=EXACTLY_ONE")
    none = copy(changed)
    none.name = "programs/none"
    suite.missing(pb.UpdateProgramRequest(program=none), "program", none.name)


def members(suite):
    """A customer becomes a member once; by an order where the program says so."""
    enroll = pb.EnrollMemberRequest(program=suite.club, customer=suite.first, enroll_time=suite.ago(days=2))
    other = copy(enroll)
    other.enroll_time = suite.ago(days=1)
    member = suite.once(enroll, other).member
    suite.member = member.name
    again = pb.EnrollMemberRequest(program=suite.club, customer=suite.first)
    suite.same(suite.refused(again, "ALREADY_EXISTS", "ALREADY_EXISTS").resource, ("member", member.name), "who exists")
    suite.same(suite.ask(pb.GetMemberRequest(name=member.name)).member, member, "the member")
    wanted = {suite.first, suite.second, suite.third}

    def enrolled():
        found = suite.pages(pb.ListMembersRequest(program=suite.program), "members")
        return {one.customer: one.name for one in found} if {one.customer for one in found} == wanted else None

    suite.members = suite.until("every customer with an order is a member", enrolled)
    his = suite.pages(pb.ListMembersRequest(customer=suite.first), "members", 1)
    suite.same({one.program for one in his}, {suite.program, suite.club}, "his programs")

    suite.invalid(pb.EnrollMemberRequest(), "request_id", "program", "customer")
    suite.invalid(
        pb.EnrollMemberRequest(program=suite.club, customer=suite.second, enroll_time=suite.now + timedelta(days=1)),
        "enroll_time=TIMESTAMP_IN_FUTURE",
    )
    suite.missing(pb.EnrollMemberRequest(program="programs/none", customer=suite.first), "program", "programs/none")
    suite.invalid(pb.GetMemberRequest(name="x"), "name")
    none = suite.other("members")
    suite.missing(pb.GetMemberRequest(name=none), "member", none)
    suite.invalid(
        pb.ListMembersRequest(customer="x", program="x", page_size=-1, page_token="x" * 1025),
        *("customer", "program", "page_size", "page_token"),
    )
    suite.invalid(pb.ListMembersRequest(page_token="rubbish"), "page_token=PAGE_TOKEN_MALFORMED")


def purchase():
    """What the run's orders hold, as far as it earns: 120 and 50 points."""
    fresh = pb.PurchaseLine(line=1, category="fresh", quantity=1, price_minor=12_000, delivery_minor=300)
    tools = pb.PurchaseLine(line=2, category="tools", quantity=2, price_minor=5_000, delivery_minor=200)
    return pb.Purchase(currency_code="CNY", lines=[fresh, tools])


def estimates(suite):
    """An estimate is what the order earned; it waits for its delivery."""
    estimate = suite.ask(pb.EstimateEarningRequest(program=suite.program, purchase=purchase()))
    suite.same(estimate.points, 290, "points with twice for what is fresh")
    suite.same([line.points for line in estimate.explanation.lines], [240, 50], "points line by line")
    suite.until(
        "the points of the order wait for its delivery",
        lambda: balance(suite, suite.members[suite.first]).pending == estimate.points,
    )
    suite.until(
        "the points of the cancelled order are gone", lambda: balance(suite, suite.members[suite.third]).pending == 290
    )
    suite.same(balance(suite, suite.members[suite.first]).available, 0, "what can be spent before the delivery")

    suite.invalid(pb.EstimateEarningRequest(), "program", "purchase")
    wrong = purchase()
    wrong.lines[1].line, wrong.discount_minor = 1, 100_000
    suite.invalid(
        pb.EstimateEarningRequest(program=suite.program, purchase=wrong),
        *("purchase.lines[1].line=LINE_REPEATED", "purchase.discount_minor=DISCOUNT_TOO_HIGH"),
    )
    foreign = purchase()
    foreign.currency_code = "JPY"
    suite.invalid(
        pb.EstimateEarningRequest(program=suite.program, purchase=foreign),
        "purchase.currency_code=CURRENCY_NOT_PROGRAMS",
    )
    suite.missing(pb.EstimateEarningRequest(program="programs/none", purchase=purchase()), "program", "programs/none")


def balance(suite, member, **when):
    return suite.ask(pb.GetBalanceRequest(member=member, **when)).balance


def activation(suite):
    """Points become active with the delivery of the order's last package."""
    hers = suite.members[suite.first]
    suite.until("the points are active", lambda: balance(suite, hers).available == 290)
    suite.same(balance(suite, hers).pending, 0, "what waits after the delivery")


def ledger(suite):
    """The whole ledger is replayed and nothing is wrong."""
    request = pb.VerifyLedgerRequest()
    identify(request)
    job = suite.ask(request).job
    suite.same(suite.ask(request).job.name, job.name, "the job of a repeated request")
    suite.job = job.name
    last = suite.ask(common.WatchJobRequest(name=job.name))[-1].job
    suite.same((last.state, last.error), (common.JOB_STATE_SUCCEEDED, ""), "how the check ended")
    result = pb.VerifyLedgerResult()
    suite.true(last.result.Unpack(result), "the job's result is no VerifyLedgerResult")
    suite.true(result.accounts >= 4 and result.entries > 0, f"only {result.accounts} accounts were checked")
    suite.same(list(result.violations), [], "what is wrong with the ledger")
    suite.invalid(pb.VerifyLedgerRequest(request_id="x"), "request_id=string.uuid")


def liability(suite):
    """What the program owes is what its members' balances add up to, with what waits."""
    report = suite.ask(pb.GetLiabilityRequest(program=suite.program, cohort_period=pb.COHORT_PERIOD_QUARTER))
    owed = report.liability
    parts = owed.pending.points + owed.active.points + owed.held.points
    suite.same(owed.owed.points, parts, "what is owed and its parts")
    for buckets in (report.by_age, report.by_expiry):
        suite.same(sum(bucket.owed.points for bucket in buckets), parts, "the buckets together")
    suite.same(sum(cohort.open for cohort in report.cohorts), parts, "what is open of the cohorts")
    suite.same(report.all.open, parts, "what is open in all")
    suite.invalid(pb.GetLiabilityRequest(program="x"), "program=string.pattern")
    suite.missing(pb.GetLiabilityRequest(program="programs/none"), "program", "programs/none")
