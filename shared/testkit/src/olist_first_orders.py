#!/usr/bin/env python3
"""Writes the first orders of an export of Olist's shape, with the rows of all files that belong to them, as an export of
its own: what tests import where the whole would take too long. Usage: olist_first_orders.py DIR ORDERS INTO"""

import csv
import sys
from pathlib import Path


def main(export, count, into):
    def read(name):
        with open(Path(export) / name, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            return reader.fieldnames, list(reader)

    def write(name, keep):
        columns, rows = read(name)
        with open(Path(into) / name, "w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(row for row in rows if keep(row))

    orders = read("orders.csv")[1][: int(count)]
    numbers = {order["order_id"] for order in orders}
    customers = {order["customer_id"] for order in orders}
    write("orders.csv", lambda row: row["order_id"] in numbers)
    write("customers.csv", lambda row: row["customer_id"] in customers)
    for name in ("order_items.csv", "order_payments.csv", "order_reviews.csv"):
        write(name, lambda row: row["order_id"] in numbers)
    for name in ("products.csv", "product_category_name_translation.csv"):
        write(name, lambda row: True)


if __name__ == "__main__":
    main(*sys.argv[1:])
