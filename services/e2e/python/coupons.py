"""Coupons, gift cards and rewards: CouponService, GiftCardService, RewardService."""

from datetime import timedelta

from google.protobuf.field_mask_pb2 import FieldMask

from loyalty import purchase
from stubs import common
from stubs import loyalty as pb
from suite import copy


def terms(suite):
    """Ten per cent off once for each code."""
    batch = pb.CouponBatch(
        program=suite.club,
        display_name="Welcome",
        discount=pb.CouponDiscount(percent_off=pb.PercentOff(basis_points=1_000)),
        expire_time=suite.now + timedelta(days=30),
    )
    batch.limits.add(scope=pb.COUPON_LIMIT_SCOPE_CODE, period=pb.COUPON_LIMIT_PERIOD_EVER, maximum=1)
    return batch


def batches(suite):
    """A batch belongs to a program's organisation, and says at once all that is wrong with it."""
    request = pb.CreateCouponBatchRequest(coupon_batch_id=f"welcome-{suite.tag}", coupon_batch=terms(suite))
    other = copy(request)
    other.coupon_batch.display_name = "Another"
    made = suite.once(request, other).coupon_batch
    suite.batch = made.name
    suite.same((made.organization, made.coupon_count), (suite.organization, 0), "the new batch")
    again = copy(request)
    again.request_id = ""
    resource = suite.refused(again, "ALREADY_EXISTS", "ALREADY_EXISTS").resource
    suite.same(resource, ("coupon_batch", suite.batch), "what exists")
    suite.same(suite.ask(pb.GetCouponBatchRequest(name=suite.batch)).coupon_batch, made, "the batch")
    second = pb.CreateCouponBatchRequest(coupon_batch_id=f"extra-{suite.tag}", coupon_batch=terms(suite))
    suite.ask(second)
    found = {one.name for one in suite.pages(pb.ListCouponBatchesRequest(), "coupon_batches", 1)}
    suite.true({suite.batch, f"couponBatches/extra-{suite.tag}"} <= found, "batches are missing")

    suite.invalid(pb.CreateCouponBatchRequest(), "request_id", "coupon_batch_id", "coupon_batch")
    wrong = copy(terms(suite))
    wrong.discount.free_delivery.SetInParent()
    suite.invalid(
        pb.CreateCouponBatchRequest(coupon_batch_id="x", coupon_batch=wrong), "coupon_batch.discount=EXACTLY_ONE"
    )
    wrong = copy(terms(suite))
    wrong.limits.add().CopyFrom(wrong.limits[0])
    wrong.expire_time.FromDatetime(suite.ago(days=1))
    suite.invalid(
        pb.CreateCouponBatchRequest(coupon_batch_id="x", coupon_batch=wrong),
        *("coupon_batch.expire_time=EXPIRY_TOO_EARLY", "coupon_batch.limits[1]=LIMIT_REPEATED"),
    )
    foreign = copy(terms(suite))
    foreign.program = "programs/none"
    request = pb.CreateCouponBatchRequest(coupon_batch_id="x", coupon_batch=foreign)
    suite.missing(request, "program", "programs/none")
    suite.missing(pb.GetCouponBatchRequest(name="couponBatches/none"), "coupon_batch", "couponBatches/none")
    suite.invalid(pb.GetCouponBatchRequest(name="x"), "name")
    suite.invalid(pb.ListCouponBatchesRequest(page_size=-1, page_token="x" * 1025), "page_size", "page_token")


def codes(suite):
    """Codes are made by a job, imported one by one, and exported in the order in which they were made."""
    request = pb.CreateCouponsRequest(batch=suite.batch, pattern="WN-####-####-#####", count=20)
    other = copy(request)
    other.count = 21
    job = suite.once(request, other).job
    last = suite.ask(common.WatchJobRequest(name=job.name))[-1].job
    result = pb.CreateCouponsResult()
    suite.same((last.state, last.error), (common.JOB_STATE_SUCCEEDED, ""), "how the job ended")
    suite.true(last.result.Unpack(result) and result.coupons == 20, "twenty codes were asked for")
    suite.code, mine = f"PY{suite.tag}", f"MY-{suite.tag}"
    kept, owned, taken, wrong, none = suite.tell(
        [
            pb.ImportCouponsRequest(batch=suite.batch, code=suite.code),
            pb.ImportCouponsRequest(batch=suite.batch, code=mine, member=suite.member),
            pb.ImportCouponsRequest(batch=suite.batch, code=suite.code.lower()),
            pb.ImportCouponsRequest(batch="x", code="!"),
            pb.ImportCouponsRequest(batch=suite.batch, code="WHOSE", member=suite.other("members")),
        ]
    )
    suite.same((kept.reason, owned.coupon.member), ("", suite.member), "what was kept")
    suite.rejected(taken, "COUPON_CODE_TAKEN")
    suite.rejected(wrong, "INVALID_ARGUMENT", "batch", "code")
    suite.rejected(none, "NOT_FOUND")
    suite.same((none.kept_count, none.rejected_count), (2, 3), "both counts")
    exported = [one for answer in suite.ask(pb.ExportCouponsRequest(batch=suite.batch)) for one in answer.coupons]
    suite.same([one.code for one in exported[20:]], [suite.code.upper(), mine.upper()], "what was imported")
    suite.true(all(one.expire_time == exported[0].expire_time for one in exported), "every code carries its expiry")
    got = suite.ask(pb.GetCouponRequest(name=kept.coupon.name)).coupon
    suite.same((got.kind, got.state), (pb.COUPON_KIND_PERCENT_OFF, pb.COUPON_STATE_ACTIVE), "the coupon")
    listed = suite.pages(pb.ListCouponsRequest(batch=suite.batch, state=pb.COUPON_STATE_ACTIVE), "coupons", 10)
    suite.same(len(listed), 22, "coupons of the batch")
    his = suite.ask(pb.ListCouponsRequest(member=suite.member)).coupons
    suite.same([one.code for one in his], [mine.upper()], "his coupons")

    weak = pb.CreateCouponsRequest(batch=suite.batch, pattern="WN-####", count=1)
    refusal = suite.refused(weak, "FAILED_PRECONDITION", "COUPON_PATTERN_TOO_WEAK")
    suite.same(refusal.metadata.get("bits"), "19", "the bits of a weak pattern")
    suite.invalid(pb.CreateCouponsRequest(), "request_id", "batch", "pattern")
    both = copy(request)
    both.members.append(suite.member)
    both.request_id = ""
    suite.invalid(both, "count=EXACTLY_ONE")
    none = "couponBatches/none"
    suite.missing(pb.CreateCouponsRequest(batch=none, pattern=request.pattern, count=1), "coupon_batch", none)
    suite.missing(pb.ExportCouponsRequest(batch=none), "coupon_batch", none)
    missing = suite.other("coupons")
    suite.missing(pb.GetCouponRequest(name=missing), "coupon", missing)
    suite.invalid(
        pb.ListCouponsRequest(batch="x", member="x", state=99, page_size=-1, page_token="x" * 1025),
        *("batch", "member", "state", "page_size", "page_token"),
    )


def redemptions(suite):
    """What is validated is redeemed, once, and rolled back, once."""
    items = [pb.CouponItem(code=suite.code)]
    validate = pb.ValidateCouponsRequest(organization=suite.organization, purchase=purchase(), items=items)
    seen = suite.ask(validate)
    suite.same((seen.totals.discount_minor, seen.totals.payable_minor), (1_700, 15_800), "what it comes to")
    order = f"orders/py:{suite.tag}-coupon"
    request = pb.RedeemCouponsRequest(
        organization=suite.organization, order=order, purchase=purchase(), items=items
    )
    other = copy(request)
    other.partial = True
    redeemed = suite.once(request, other)
    suite.same(redeemed.totals, seen.totals, "what was validated")
    again = copy(request)
    again.request_id = ""
    refusal = suite.refused(again, "FAILED_PRECONDITION", "ORDER_HAS_COUPONS")
    suite.same(refusal.metadata.get("redemption"), redeemed.redemption, "the redemption of the order")
    again.order += "-2"
    again.request_id = ""
    suite.refused(again, "FAILED_PRECONDITION", "COUPON_LIMIT_REACHED")
    back = pb.RollbackRedemptionRequest(name=redeemed.redemption)
    other = copy(back)
    other.name = redeemed.redemption[:-1] + "9"
    suite.same(suite.once(back, other).discount_minor, 1_700, "what was given back")
    back.request_id = ""
    suite.refused(back, "FAILED_PRECONDITION", "REDEMPTION_ROLLED_BACK")
    other.request_id = ""
    suite.missing(other, "redemption", other.name)
    again.request_id = ""
    suite.ask(again)

    suite.invalid(pb.ValidateCouponsRequest(), "purchase", "items")
    twice = copy(validate)
    twice.items.add(code=suite.code.lower())
    suite.invalid(twice, "items[1].code=CODE_REPEATED")
    suite.invalid(pb.RedeemCouponsRequest(), "request_id", "order", "purchase", "items")
    nobody = copy(validate)
    nobody.member = suite.other("members")
    suite.missing(nobody, "member", nobody.member)
    suite.invalid(pb.RollbackRedemptionRequest(name="x"), "name")


def gift_cards(suite):
    """A card pays in parts and is paid back once."""
    money = common.Money(currency_code="CNY", minor_units=1_000)
    request = pb.IssueGiftCardRequest(organization=suite.organization, amount=money, entropy="x" * 16 + suite.tag)
    other = copy(request)
    other.amount.minor_units = 1_001
    issued = suite.once(request, other)
    code, name = issued.code, issued.gift_card.name
    got = suite.ask(pb.GetGiftCardRequest(code=code, organization=suite.organization)).gift_card
    suite.same((got.name, got.last_characters), (name, code[-4:]), "the card of the code")
    pay = pb.RedeemGiftCardRequest(
        code=code, organization=suite.organization, order=f"orders/py:{suite.tag}-card", amount=money
    )
    pay.amount.minor_units = 700
    other = copy(pay)
    other.clamp = True
    paid = suite.once(pay, other)
    suite.same(paid.gift_card.balance.minor_units, 300, "what is left")
    pay.request_id = ""
    refusal = suite.refused(pay, "FAILED_PRECONDITION", "GIFT_CARD_INSUFFICIENT")
    suite.same(refusal.metadata.get("available_minor"), "300", "what the refusal says is left")
    back = pb.ReverseGiftCardRedemptionRequest(name=paid.redemption)
    other = copy(back)
    other.name = f"{name}/entries/9"
    suite.same(suite.once(back, other).gift_card.balance.minor_units, 1_000, "what was put back")
    back.request_id = ""
    suite.refused(back, "FAILED_PRECONDITION", "GIFT_CARD_REVERSED")
    other.request_id = ""
    suite.missing(other, "redemption", other.name)

    suite.invalid(pb.IssueGiftCardRequest(), "request_id", "amount", "entropy")
    nothing = copy(request)
    nothing.amount.minor_units, nothing.request_id = 0, ""
    suite.invalid(nothing, "amount.minor_units=AMOUNT_OUT_OF_RANGE")
    suite.invalid(pb.GetGiftCardRequest(), "name=EXACTLY_ONE")
    none = suite.other("giftCards")
    suite.missing(pb.GetGiftCardRequest(name=none), "gift_card", none)
    suite.invalid(pb.RedeemGiftCardRequest(), "request_id", "code", "order", "amount")
    suite.invalid(pb.ReverseGiftCardRedemptionRequest(name="x"), "name")


def rewards(suite):
    """A reward costs what it costs; points and stock go together, and come back together, once."""
    reward = pb.Reward(program=suite.club, display_name="Umbrella", points=5, stock_total=1)
    request = pb.CreateRewardRequest(reward_id=f"umbrella-{suite.tag}", reward=reward)
    other = copy(request)
    other.reward.points = 6
    made = suite.once(request, other).reward
    again = copy(request)
    again.request_id = ""
    suite.same(
        suite.refused(again, "ALREADY_EXISTS", "ALREADY_EXISTS").resource, ("reward", made.name), "what exists"
    )
    suite.same(suite.ask(pb.GetRewardRequest(name=made.name)).reward, made, "the reward")
    suite.ask(pb.CreateRewardRequest(reward_id=f"mug-{suite.tag}", reward=reward))
    suite.same(len(suite.pages(pb.ListRewardsRequest(program=suite.club), "rewards", 1)), 2, "the program's rewards")
    changed = copy(made)
    changed.points, changed.display_name = 4, "Parasol"
    update = pb.UpdateRewardRequest(reward=changed, update_mask=FieldMask(paths=["points"]))
    other = copy(update)
    other.reward.points = 3
    after = suite.once(update, other).reward
    suite.same((after.points, after.display_name), (4, "Umbrella"), "what the mask names, and what it does not")
    update.request_id = ""
    suite.refused(update, "ABORTED", "ETAG_MISMATCH")
    bought = pb.Purchase(currency_code="CNY")
    bought.lines.add(line=1, quantity=1, price_minor=1_000)
    suite.ask(pb.EarnPointsRequest(member=suite.member, order=f"orders/py:{suite.tag}-reward", purchase=bought))
    redeem = pb.RedeemRewardRequest(reward=made.name, member=suite.member, claimed_points=1)
    other = copy(redeem)
    other.claimed_points = 4
    redeemed = suite.once(redeem, other)
    suite.same(redeemed.redemption.points, 4, "what it cost")
    redeem.request_id = ""
    suite.refused(redeem, "FAILED_PRECONDITION", "REWARD_OUT_OF_STOCK")
    name = redeemed.redemption.name
    move = pb.UpdateRedemptionRequest(name=name, state=pb.REWARD_REDEMPTION_STATE_PREPARED)
    other = copy(move)
    other.state = pb.REWARD_REDEMPTION_STATE_FULFILLED
    suite.same(suite.once(move, other).redemption.state, pb.REWARD_REDEMPTION_STATE_PREPARED, "where it stands")
    cancel = pb.CancelRedemptionRequest(name=name)
    other = copy(cancel)
    other.name = suite.other(f"{made.name}/redemptions")
    back = suite.once(cancel, other)
    suite.same(back.balance.available, redeemed.balance.available + 4, "what came back")
    cancel.request_id = ""
    suite.refused(cancel, "FAILED_PRECONDITION", "REWARD_REDEMPTION_ENDED")
    move.request_id = ""
    suite.refused(move, "FAILED_PRECONDITION", "REWARD_REDEMPTION_ENDED")
    other.request_id = ""
    suite.missing(other, "redemption", other.name)

    suite.invalid(pb.CreateRewardRequest(), "request_id", "reward_id", "reward")
    none = "rewards/none"
    suite.missing(pb.GetRewardRequest(name=none), "reward", none)
    suite.missing(pb.RedeemRewardRequest(reward=none, member=suite.member), "reward", none)
    suite.invalid(pb.ListRewardsRequest(program="x", page_size=-1), "program", "page_size")
    suite.invalid(pb.UpdateRewardRequest(), "request_id", "reward")
    suite.invalid(pb.UpdateRedemptionRequest(name="x", state=1), "name", "state")
    suite.invalid(pb.RedeemRewardRequest(), "request_id", "reward", "member")
    suite.invalid(pb.CancelRedemptionRequest(name="x"), "name")
