"""Campaigns made, earned by and measured, and drafts of rules tested: CampaignService, ProgramService.BacktestRule."""

from datetime import timedelta

from google.protobuf.field_mask_pb2 import FieldMask
from stubs import common, loyalty as pb
from suite import copy, identify


def campaign(suite, **fields):
    """Five points for an order of two lines, from an hour ago for a day."""
    gift = pb.EarningRule(id="gift", fixed=pb.FixedPoints(points=5), condition="order.line_count == 2")
    start, end = suite.ago(hours=1), suite.now + timedelta(days=1)
    terms = dict(program=suite.club, display_name="Gift", start_time=start, end_time=end, earning_rules=[gift])
    return pb.Campaign(**(terms | fields))


def campaigns(suite):
    """A campaign is made once, read, listed and changed."""
    suite.campaign = f"campaigns/gift-{suite.tag}"
    given = campaign(suite, budget=pb.CampaignBudget(points=8))
    request = pb.CreateCampaignRequest(campaign_id=f"gift-{suite.tag}", campaign=given)
    other = copy(request)
    other.campaign.display_name = "Another"
    made = suite.once(request, other).campaign
    suite.same((made.name, made.spent_points, made.budget.points), (suite.campaign, 0, 8), "the campaign")
    again = copy(request)
    again.request_id = ""
    refusal = suite.refused(again, "ALREADY_EXISTS", "ALREADY_EXISTS")
    suite.same(refusal.resource, ("campaign", suite.campaign), "what exists")
    suite.same(suite.ask(pb.GetCampaignRequest(name=suite.campaign)).campaign, made, "the campaign as it is read")
    names = {one.name for one in suite.pages(pb.ListCampaignsRequest(program=suite.club), "campaigns")}
    suite.same(names, {suite.campaign}, "the campaigns of the program")
    changed = copy(made)
    changed.display_name, changed.holdout_permille = "Gifts", 500
    request = pb.UpdateCampaignRequest(campaign=changed, update_mask=FieldMask(paths=["display_name"]))
    other = copy(request)
    other.campaign.display_name = "Geschenke"
    after = suite.once(request, other).campaign
    suite.same((after.display_name, after.holdout_permille), ("Gifts", 0), "what the mask names, and what it does not")
    stale = copy(request)
    stale.request_id = ""
    suite.refused(stale, "ABORTED", "ETAG_MISMATCH")


def earnings(suite):
    """It gives until its budget ends, says so, and cannot be cut below what it gave."""
    bought = pb.Purchase(currency_code="CNY")
    bought.lines.add(line=1, quantity=1, price_minor=100)
    bought.lines.add(line=2, quantity=1, price_minor=100)
    for number, points in (("a", 7), ("b", 5), ("c", 2)):
        order = f"orders/py:{suite.tag}-gift-{number}"
        estimate = pb.EstimateEarningRequest(program=suite.club, member=suite.member, order=order, purchase=bought)
        estimated = suite.ask(estimate)
        earned = suite.ask(pb.EarnPointsRequest(member=suite.member, order=order, purchase=bought))
        suite.same(earned.points, points, f"what order {number} earned")
        suite.same(estimated.explanation, earned.explanation, "the explanation of an estimate")
    said = earned.explanation.campaigns[0]
    suite.same((said.campaign, said.outcome), (suite.campaign, pb.CAMPAIGN_OUTCOME_BUDGET_USED_UP), "the campaign's end")
    below = pb.UpdateCampaignRequest(
        campaign=campaign(suite, name=suite.campaign, budget=pb.CampaignBudget(points=7)),
        update_mask=FieldMask(paths=["budget"]),
    )
    refusal = suite.refused(below, "FAILED_PRECONDITION", "BUDGET_BELOW_SPENT")
    suite.same(refusal.metadata, {"points": "8", "orders": "2"}, "what is spent")
    report = suite.ask(pb.GetCampaignReportRequest(name=suite.campaign))
    suite.same((report.points, report.rewarded_orders, report.reached.orders), (8, 2, 3), "the report")
    suite.same((report.held_out.members, report.HasField("value_lift")), (0, False), "nobody is held out")
    strange = pb.EstimateEarningRequest(program=suite.program, member=suite.member, purchase=bought)
    suite.invalid(strange, "member=MEMBER_NOT_PROGRAMS")


def bad_campaigns(suite):
    """Every wrong field is said, with the place and the cause of what is wrong with a rule."""
    suite.invalid(pb.CreateCampaignRequest(), "request_id", "campaign_id", "campaign")
    wrong = campaign(suite, end_time=suite.ago(hours=2))
    wrong.earning_rules[0].ClearField("fixed")
    wrong.earning_rules[0].multiplier.factor_milli = 500
    suite.invalid(
        pb.CreateCampaignRequest(campaign_id="wrong", campaign=wrong),
        *("campaign.end_time=WINDOW_EMPTY", "campaign.earning_rules[0].multiplier.factor_milli=CAMPAIGN_TAKES_AWAY"),
    )
    for condition, rule in (
        ("order.value_minor >", "RULE_DOES_NOT_COMPILE"),
        ("order.colour == 'red'", "RULE_FIELD_UNKNOWN"),
        ("order.quantity + 1", "RULE_NOT_BOOL"),
        ("order.quantity / 0 > 1", "RULE_DIVIDES_BY_ZERO"),
        ("(" * 500, "RULE_TOO_COSTLY"),
    ):
        wrong = campaign(suite)
        wrong.earning_rules[0].condition = condition
        request = pb.CreateCampaignRequest(campaign_id="wrong", campaign=wrong)
        suite.invalid(request, f"campaign.earning_rules[0].condition={rule}")
    suite.invalid(pb.GetCampaignRequest(name="x"), "name")
    none = "campaigns/none"
    suite.missing(pb.GetCampaignRequest(name=none), "campaign", none)
    suite.invalid(
        pb.ListCampaignsRequest(program="x", page_size=-1, page_token="x" * 1025),
        *("program", "page_size", "page_token"),
    )
    suite.invalid(pb.ListCampaignsRequest(page_token="rubbish"), "page_token=PAGE_TOKEN_MALFORMED")
    suite.invalid(pb.UpdateCampaignRequest(), "request_id", "campaign")
    suite.missing(pb.UpdateCampaignRequest(campaign=campaign(suite, name=none)), "campaign", none)
    suite.invalid(pb.GetCampaignReportRequest(name="x"), "name")
    suite.missing(pb.GetCampaignReportRequest(name=none), "campaign", none)


def backtests(suite):
    """A draft is tested on the orders of the past, and changes nothing."""
    draft = pb.EarningRule(id="base", per_amount=pb.PerAmount(points=2, step_minor=100))
    request = pb.BacktestRuleRequest(program=suite.club, rule=draft)
    identify(request)
    job = suite.ask(request).job
    suite.same(suite.ask(request).job.name, job.name, "the job of a repeated request")
    last = suite.ask(common.WatchJobRequest(name=job.name))[-1].job
    suite.same((last.state, last.error), (common.JOB_STATE_SUCCEEDED, ""), "how the test ended")
    result = pb.BacktestRuleResult()
    suite.true(last.result.Unpack(result), "the job's result is no BacktestRuleResult")
    suite.true(result.orders >= 4, f"only {result.orders} orders were tested")
    suite.same((result.draft_points, result.points_difference), (2 * result.points, result.points), "twice the points")
    suite.invalid(pb.BacktestRuleRequest(), "request_id", "program", "rule")
    wrong = pb.BacktestRuleRequest(program=suite.club, rule=pb.EarningRule(id="none", condition="1"))
    suite.invalid(wrong, "rule=EXACTLY_ONE", "rule.condition=RULE_NOT_BOOL")
    none = pb.BacktestRuleRequest(program="programs/none", rule=draft)
    suite.missing(none, "program", "programs/none")
