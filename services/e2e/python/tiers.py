"""Where members stand on the tiers of their program: MemberService.GetTierStanding, GrantTier."""

from datetime import timedelta

from loyalty import program
from stubs import loyalty as pb
from suite import copy


def standing(suite):
    return suite.ask(pb.GetTierStandingRequest(member=suite.member)).standing


def standings(suite):
    """Who buys rises at once; everyone is told what he has, until when, and what he lacks."""
    bought = pb.Purchase(currency_code="CNY", lines=[pb.PurchaseLine(line=1, quantity=1, price_minor=8_000)])
    before = standing(suite)
    suite.ask(pb.EarnPointsRequest(member=suite.member, order=f"orders/py:{suite.tag}-tier", purchase=bought))
    after = standing(suite)
    suite.same((after.member, after.tier, after.display_name), (suite.member, "silver", "Silver"), "the tier")
    suite.same(after.counted - before.counted, 8_000, "what the order added")
    suite.same((after.next_tier, after.granted), ("gold", False), "the next tier")
    suite.same(after.needed_to_rise, 1_000_000_000 - after.counted, "what he needs to rise")
    suite.true(after.until_time.ToDatetime().year > suite.now.year, "it is good through the next year")
    suite.same(after.falls_to, "basic", "what it falls to")
    suite.true(after.fall_time.ToDatetime() > after.until_time.ToDatetime(), "it falls after its grace")


def grants(suite):
    """A granted tier is a floor, given once."""
    until = suite.now + timedelta(days=40)
    grant = pb.GrantTierRequest(
        member=suite.member, tier="gold", until_date=until.strftime("%Y-%m-%d"), reason="a friend of the house"
    )
    other = copy(grant)
    other.reason = "an enemy of the house"
    given = suite.once(grant, other).standing
    suite.same((given.tier, given.granted, given.falls_to), ("gold", True, "silver"), "what was given")
    suite.same(standing(suite), given, "the standing afterwards")


def bad_requests(suite):
    """Tiers that contradict themselves, and what cannot be given."""
    suite.invalid(pb.GetTierStandingRequest(member="x"), "member")
    nobody = suite.other("members")
    suite.missing(pb.GetTierStandingRequest(member=nobody), "member", nobody)
    suite.invalid(pb.GrantTierRequest(), "request_id", "member", "tier", "until_date", "reason")
    grant = pb.GrantTierRequest(member=suite.member, tier="gold", until_date="2020-01-01", reason="late")
    suite.invalid(grant, "until_date=DATE_PAST")
    grant = pb.GrantTierRequest(member=suite.member, tier="lead", until_date="2999-01-01", reason="none")
    suite.invalid(grant, "tier=TIER_UNKNOWN")
    grant = pb.GrantTierRequest(member=nobody, tier="gold", until_date="2999-01-01", reason="whom")
    suite.missing(grant, "member", nobody)
    hers = suite.members[suite.first]
    grant = pb.GrantTierRequest(member=hers, tier="gold", until_date="2999-01-01", reason="none")
    suite.refused(grant, "FAILED_PRECONDITION", "PROGRAM_WITHOUT_TIERS")
    suite.refused(pb.GetTierStandingRequest(member=hers), "FAILED_PRECONDITION", "PROGRAM_WITHOUT_TIERS")

    empty = program(suite)
    empty.tiers.SetInParent()
    suite.invalid(
        pb.CreateProgramRequest(program_id=f"tiers-{suite.tag}", program=empty),
        *("program.tiers.tiers", "program.tiers.basis"),
    )
    wrong = program(suite)
    wrong.tiers.basis = pb.TIER_BASIS_BALANCE
    wrong.tiers.tiers.add(id="a", display_name="A", threshold=2)
    wrong.tiers.tiers.add(id="a", display_name="A", threshold=1)
    wrong.tiers.window.calendar_year.SetInParent()
    wrong.tiers.upgrade = pb.TIER_UPGRADE_AT_PERIOD_END
    wrong.tiers.grace.count, wrong.tiers.grace.unit = 1, pb.PERIOD_UNIT_DAY
    suite.invalid(
        pb.CreateProgramRequest(program_id=f"tiers-{suite.tag}", program=wrong),
        *("program.tiers.tiers[1].id=TIER_REPEATED", "program.tiers.tiers[1].threshold=THRESHOLDS_NOT_RISING"),
        *("program.tiers.window=WINDOW_OF_BALANCE", "program.tiers.grace=TIERS_NEVER_FALL"),
        "program.tiers.upgrade=PERIOD_NEVER_ENDS",
    )
    both = program(suite)
    both.tiers.CopyFrom(wrong.tiers)
    both.tiers.window.member_year.SetInParent()
    both.tiers.validity.SetInParent()
    suite.invalid(
        pb.CreateProgramRequest(program_id=f"tiers-{suite.tag}", program=both),
        *("program.tiers.window=EXACTLY_ONE", "program.tiers.validity=EXACTLY_ONE"),
    )
