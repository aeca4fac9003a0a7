"""The eight CSV files: their columns, and a writer that streams rows and counts them."""

from __future__ import annotations

import csv
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

Value = str | int | float | None
Row = tuple[Value, ...]

COLUMNS: dict[str, tuple[str, ...]] = {
    "accounts": (
        "account_id",
        "name",
        "industry",
        "employees",
        "annual_revenue",
        "customer_group",
        "price_list",
        "channel",
        "country",
        "city",
        "postcode",
        "latitude",
        "longitude",
        "legal_form",
        "order_method",
        "payment_terms",
        "delivery_terms",
        "sales_rep",
        "cost_to_serve",
    ),
    # points is not a canonical column: it shows how a custom field (x_points) comes to be
    "contacts": (
        "contact_id",
        "account_id",
        "email",
        "first_name",
        "last_name",
        "job_title",
        "role",
        "language",
        "country",
        "timezone",
        "created_at",
        "consent",
        "consent_at",
        "consent_source",
        "lead_score",
        "lifecycle_stage",
        "interests",
        "points",
    ),
    "products": ("product_id", "name", "category", "brand", "url", "image_url", "price"),
    "orders": (
        "order_id",
        "contact_id",
        "account_id",
        "placed_at",
        "status",
        "channel",
        "currency",
        "total",
        "discount",
        "coupon",
    ),
    "order_lines": ("order_id", "product_id", "quantity", "unit_price"),
    "carts": ("cart_id", "contact_id", "modified_at", "last_added_at", "status", "url"),
    "cart_lines": ("cart_id", "product_id", "quantity", "unit_price"),
    "events": ("event_id", "contact_id", "kind", "at", "properties"),
}


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows written to each file."""

    accounts: int
    contacts: int
    products: int
    orders: int
    order_lines: int
    carts: int
    cart_lines: int
    events: int


class Tables:
    """The open files of one folder. Rows go straight to disk, so memory does not grow with their number."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = ExitStack()
        self._counts = dict.fromkeys(COLUMNS, 0)

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._writers = {}
        for table, columns in COLUMNS.items():
            path = self._folder / f"{table}.csv"
            file = self._files.enter_context(path.open("w", encoding="utf-8", newline=""))
            self._writers[table] = csv.writer(file, lineterminator="\n")
            self._writers[table].writerow(columns)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.close()

    def add(self, table: str, rows: list[Row]) -> None:
        """Append rows whose values stand in the order of ``COLUMNS[table]``; None becomes an empty field."""
        self._writers[table].writerows(rows)
        self._counts[table] += len(rows)

    @property
    def counts(self) -> Counts:
        return Counts(**self._counts)
