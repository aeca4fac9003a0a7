"""Change a shop at random, step after step, and recompute it in both ways: everything that is stored must be equal.

    python -m benchmarks.incremental_equals_full [--steps 1000] [--seed 1] [--url postgresql+psycopg://…]

The tests do the same with a few steps; this is for a night, or after a change of segments/crossings.py, passes.py or
contacts/ranking.py. Fifty steps a shop; each shop has its own seed, and the one that fails is named.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from sqlmodel import SQLModel
from tests.segments.changing_shop import ChangingShop

from orchestrator.segments import candidates
from orchestrator.segments.evaluate import Scope
from orchestrator.store.opening import open_database

if TYPE_CHECKING:
    from collections.abc import Sequence

Item = TypeVar("Item")
STEPS_OF_A_SHOP = 50


class Seeded:
    """Choices of a generator."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def whole(self, low: int, high: int) -> int:
        return self._random.randint(low, high)

    def one_of(self, items: Sequence[Item]) -> Item:
        return self._random.choice(items)


def live(seed: int, steps: int, url: str | None) -> Counter[str]:
    """One shop's life; how often which way was taken. Raises AssertionError where the two ways differ."""
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(url or "sqlite:///shop.db", Path(folder), now=0)
        if url:
            with database.write() as connection:
                for table in reversed(SQLModel.metadata.sorted_tables):
                    if table.name != "schema_version":
                        connection.execute(table.delete())
        choice = Seeded(seed)
        shop = ChangingShop(database, Path(folder), choice)
        try:
            shop.open()
            for _ in range(steps):
                shop.step()
                if choice.whole(0, 2):
                    shop.recompute(Scope.CHECKED if choice.whole(0, 5) == 0 else Scope.CHANGED)
        finally:
            database.close()
    return Counter(shop.ways)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1, help="of the first shop")
    parser.add_argument("--url", help="an empty PostgreSQL of ours alone: everything in it is deleted")
    wanted = parser.parse_args()
    candidates.ALONE = 1  # in a shop of a few contacts, too, each aspect has its query
    ways: Counter[str] = Counter()
    for number, done in enumerate(range(0, wanted.steps, STEPS_OF_A_SHOP)):
        seed = wanted.seed + number
        try:
            ways += live(seed, min(STEPS_OF_A_SHOP, wanted.steps - done), wanted.url)
        except AssertionError as fault:
            sys.exit(f"seed {seed}: the two ways differ: {fault}")
    print(f"{wanted.steps:,} steps, {ways.total():,} recomputes, each equal to one of everybody")
    for way, times in ways.most_common():
        print(f"{times:8,}  {way or 'only who may have changed'}")


if __name__ == "__main__":
    main()
