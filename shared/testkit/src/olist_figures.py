#!/usr/bin/env python3
"""The figures that `guanxi report summary --json` must show after an import of Olist's files: computed from the CSV
files alone, by the rules in the words of the retailer, without a line of the product. Usage: olist_figures.py DIR"""

import csv
import json
import sys
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

CANCELLED = ("canceled", "unavailable")


def rows(directory, name):
    with open(Path(directory) / name, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def minor(amount):
    cents = Decimal(amount) * 100
    assert cents == cents.to_integral_value(), amount
    return int(cents)


def figures(directory):
    orders = rows(directory, "orders.csv")
    reviews = rows(directory, "order_reviews.csv")
    customers = {row["customer_id"]: row["customer_unique_id"] for row in rows(directory, "customers.csv")}
    items = defaultdict(list)
    for row in rows(directory, "order_items.csv"):
        items[row["order_id"]].append(row)

    value = packages = delivered = on_time = late = invitations = 0
    points = {"earned": 0, "active": 0, "pending": 0, "reversed": 0}
    troubled = set()
    for order in orders:
        lines = items[order["order_id"]]
        cancelled = order["order_status"] in CANCELLED
        received = order["order_delivered_customer_date"]
        value += sum(minor(line["price"]) + minor(line["freight_value"]) for line in lines)

        sellers = len({line["seller_id"] for line in lines})
        packages += sellers
        in_time = received[:10] <= order["order_estimated_delivery_date"][:10]
        if received:
            delivered += sellers
            on_time += sellers if in_time else 0
            late += 0 if in_time else sellers
            if sellers and not in_time:
                troubled.add(order["order_id"])
            if sellers and in_time and not cancelled:
                invitations += 1

        # One point for each whole real of the item prices. Placed, then cancelled: earned and reversed.
        earned = sum(minor(line["price"]) for line in lines) // 100
        points["earned"] += earned
        points["reversed" if cancelled else "active" if received and sellers else "pending"] += earned

    pairs = {(review["review_id"], review["order_id"]): int(review["review_score"]) for review in reviews}
    troubled.update(order for (_, order), score in pairs.items() if score <= 2)
    mean = (Decimal(sum(pairs.values())) / len(pairs)).quantize(Decimal("0.000001"), ROUND_HALF_UP)
    return {
        "customers": len(set(customers.values())),
        "members": len({customers[order["customer_id"]] for order in orders}),
        "orders": len(orders),
        "order_value_minor": value,
        "shipments": packages,
        "packages": packages,
        "delivered": delivered,
        "on_time": on_time,
        "late": late,
        **{f"points_{name}": amount for name, amount in points.items()},
        "invitations": invitations,
        "reviews": len(pairs),
        "rating_mean": float(mean),
        "cases": len(troubled),
        "nps": None,
    }


if __name__ == "__main__":
    print(json.dumps(figures(sys.argv[1])))
