"""Calls every method of every service of a running suite, with success and with errors.

    [GUANXI_AUTH__KEY=SECRET] every_call.py --endpoint URL [--endpoint SERVICE=URL …]

PYTHONPATH holds the stubs made from `proto/` (docs/start.md). With a secret, calls bring a token of HS256. Ends with 1,
and says every fault, where something is not as the contracts have it.
"""

import argparse
import os
import sys
import time
import traceback

import campaigns
import challenges
import cards
import cases
import common
import coupons
import customer
import feedback
import fuzz
import logistics
import loyalty
import nul
import occasions
import orders
import points
import strangers
import tiers
from stubs import Connection, token
from suite import Suite

# In this order: later ones find what earlier ones made.
PARTS = [
    customer.organizations,
    customer.stores,
    loyalty.programs,
    loyalty.program_updates,
    feedback.surveys,
    feedback.bad_surveys,
    customer.customers,
    customer.updates,
    customer.lists,
    customer.deletion,
    customer.identity,
    orders.orders,
    orders.bad_orders,
    orders.order_lists,
    loyalty.members,
    loyalty.estimates,
    points.earning,
    points.holds,
    points.returns,
    points.adjustments,
    points.transfers,
    points.payments,
    points.batches,
    points.readings,
    points.bad_requests,
    cards.cards,
    cards.bad_requests,
    occasions.birthdays,
    occasions.bad_requests,
    challenges.challenges,
    challenges.referrals,
    challenges.bad_requests,
    tiers.standings,
    tiers.grants,
    tiers.bad_requests,
    campaigns.campaigns,
    campaigns.earnings,
    campaigns.bad_campaigns,
    campaigns.backtests,
    coupons.batches,
    coupons.codes,
    coupons.redemptions,
    coupons.gift_cards,
    coupons.rewards,
    logistics.shipments,
    logistics.shipment_lists,
    logistics.promises,
    logistics.tracking,
    logistics.intake,
    logistics.history,
    logistics.deliveries,
    loyalty.activation,
    feedback.invitations,
    feedback.responses,
    feedback.scores,
    feedback.reviews,
    cases.cases,
    cases.bad_cases,
    orders.view,
    loyalty.ledger,
    loyalty.liability,
    common.jobs,
    common.cancellation,
    common.events,
    common.admin,
    common.health,
    common.reflection,
    common.unknown_method,
    strangers.tokens,
    strangers.strangers,
    nul.requests,
    nul.elements,
    fuzz.requests,
    fuzz.elements,
    fuzz.page_tokens,
    loyalty.ledger,
    common.admin,
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--endpoint", action="append", required=True, metavar="[SERVICE=]URL")
    arguments = parser.parse_args()
    pairs = [given.partition("=") if "=" in given else ("", "", given) for given in arguments.endpoint]
    key = os.environ.get("GUANXI_AUTH__KEY", "").encode() or None
    suite = Suite(Connection({service: url for service, _, url in pairs}, token(key) if key else None))
    suite.key = key
    for part in PARTS:
        begun, before = time.monotonic(), len(suite.faults)
        name = f"{part.__module__}.{part.__name__}"
        try:
            part(suite)
        except Exception:  # One part that breaks off does not hide what the others find.
            suite.faults.append(f"{name} broke off: {traceback.format_exc()}")
        verdict = "ok" if len(suite.faults) == before else "FAULTY"
        print(f"{verdict:6} {name} {time.monotonic() - begun:.1f} s", flush=True)
    suite.faults.extend(suite.uncovered())
    for fault in suite.faults:
        print(fault, file=sys.stderr)
    calls = sum(sum(outcomes.values()) for outcomes in suite.record.outcomes.values())
    print(f"{len(suite.record.outcomes)} methods, {calls} calls, {len(suite.faults)} faults")
    sys.exit(1 if suite.faults else 0)


if __name__ == "__main__":
    main()
