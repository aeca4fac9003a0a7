"""One group of recipients and the slots that are free -> the fewest layouts.

Where slots run out, first the beginnings and ends that all values share (``https://shop.example/p/…``) move into the
content, and then recipients are split by the values whose combinations are fewest.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING

from orchestrator.templates.layout import Group, Layout, lay_out, together
from orchestrator.templates.piles import Pile
from orchestrator.templates.slots import CommonBeginning

if TYPE_CHECKING:
    from orchestrator.templates.document import Parts
    from orchestrator.templates.layout import Texts, Variable

_MOST_COMBINATIONS = 2_000
_MOST_COUNTED = 60
MOST_DISTINCT = 1_000
"""different values that are counted; more are too many whatever the limit"""


class DoesNotFit(Exception):
    """More layouts than are allowed. ``layout`` needs too many slots; ``distinct``: how many values its variables have,
    counted up to MOST_DISTINCT.
    """

    def __init__(self, layout: Layout, distinct: list[int]) -> None:
        super().__init__()
        self.layout = layout
        self.distinct = distinct


def pack(group: Group, budget: int, most: int) -> list[Layout]:
    """At most ``most`` layouts of at most ``budget`` slots each. Raises DoesNotFit."""
    layout = lay_out(group)
    if layout.slots <= budget:
        return [layout]
    layout = lay_out(_without_common_ends(group, layout))
    if layout.slots <= budget:
        return [layout]
    distinct = _distinct(layout)
    gaps = _cheapest_split(layout, distinct, budget, most)
    if gaps is None:
        raise DoesNotFit(layout, distinct)
    layouts: list[Layout] = []
    for part in _split(group, gaps):
        if len(layouts) >= most:
            raise DoesNotFit(layout, distinct)
        layouts += pack(part, budget, most - len(layouts))
    return layouts


def _split(group: Group, gaps: tuple[int, ...]) -> list[Group]:
    """The recipients apart by their values in some gaps, by least key."""
    piles: dict[tuple[str, ...], Pile] = defaultdict(lambda: Pile(group.pile.spool))
    for key, values in group.pile.rows():
        piles[tuple([values[gap] for gap in gaps])].add(key, values)
    for pile in piles.values():
        pile.flush()
    return [replace(group, pile=pile) for pile in sorted(piles.values(), key=lambda pile: pile.first_key)]


def _without_common_ends(group: Group, layout: Layout) -> Group:
    """The same group, with what the values of a gap have in common at their ends as text around the gap."""
    ends = _common_ends(group, sorted({column for variable in layout.variables for column in variable.chain.columns}))
    if not ends:
        return group
    pile = Pile(group.pile.spool)
    for key, values in group.pile.rows():
        rest = list(values)
        for gap, (before, after) in ends.items():
            rest[gap] = values[gap][len(before) : len(values[gap]) - len(after)]
        pile.add(key, tuple(rest))
    pile.flush()

    def around(parts: Parts | None) -> Parts:
        found: list[str | int] = []
        for part in parts or ():
            before, after = ends.get(part, ("", "")) if isinstance(part, int) else ("", "")
            found += (before, part, after)
        return tuple(together(found))

    subject, preheader, html, text = group.texts
    texts: Texts = (around(subject), None if preheader is None else around(preheader), around(html), around(text))
    return replace(group, texts=texts, pile=pile)


def _common_ends(group: Group, gaps: list[int]) -> dict[int, tuple[str, str]]:
    """Gap -> the beginning and end that its values share; also for gaps that are the same as one of ``gaps``."""
    beginnings = {gap: CommonBeginning() for gap in gaps}
    for chunk in group.pile.chunks():
        for gap, found in beginnings.items():
            found.look_at([values[gap] for _, values in chunk])
    before = {gap: found.text() for gap, found in beginnings.items()}
    endings = {gap: CommonBeginning() for gap in gaps}
    for chunk in group.pile.chunks():
        for gap, found in endings.items():
            found.look_at([values[gap][len(before[gap]) :][::-1] for _, values in chunk])
    columns = group.pile.columns
    ends = {columns[gap].digest(): (before[gap], found.text()[::-1]) for gap, found in endings.items()}
    varying = {gap: columns[gap].digest() for gap in group.used if not columns[gap].constant}
    return {gap: ends[digest] for gap, digest in varying.items() if any(ends.get(digest, ()))}


def _distinct(layout: Layout) -> list[int]:
    """How many values each variable has, counted up to MOST_DISTINCT."""
    found: list[set[str]] = [set() for _ in layout.variables]
    for _, values in layout.group.pile.rows():
        for known, variable in zip(found, layout.variables, strict=True):
            if len(known) < MOST_DISTINCT:
                known.add(variable.chain.of(values))
    return [len(known) for known in found]


def _cheapest_split(layout: Layout, distinct: list[int], budget: int, most: int) -> tuple[int, ...] | None:
    """The gaps by which to split: enough to fit the rest, with the fewest combinations of values.

    None: there would be more than ``most``.
    """
    excess = layout.slots - budget
    numbers = sorted(range(len(distinct)), key=lambda number: (distinct[number], number))
    variables = layout.variables
    # greedy first: it always ends, and bounds the search for something better
    greedy: list[int] = []
    for number in numbers:
        if sum(variables[one].slots for one in greedy) >= excess:
            break
        greedy.append(number)
    candidates = [tuple(greedy)]
    tried = 0
    for size in range(1, len(greedy) + 1):
        for candidate in combinations(numbers, size):
            tried += 1
            if tried > _MOST_COMBINATIONS or len(candidates) > _MOST_COUNTED:
                break
            enough = sum(variables[one].slots for one in candidate) >= excess
            # no set of variables has fewer combinations than its richest variable alone
            if enough and distinct[candidate[-1]] <= most and candidate != candidates[0]:
                candidates.append(candidate)
    counts = _combinations(layout, [[variables[one] for one in candidate] for candidate in candidates], most)
    fewest = min(counts)
    if fewest > most:
        return None
    chosen = candidates[counts.index(fewest)]
    return tuple(sorted(column for one in chosen for column in variables[one].chain.columns))


def _combinations(layout: Layout, candidates: list[list[Variable]], most: int) -> list[int]:
    """How many combinations of values each candidate has, counted until they are more than ``most``."""
    columns = [tuple(column for variable in candidate for column in variable.chain.columns) for candidate in candidates]
    found: list[set[tuple[str, ...]]] = [set() for _ in candidates]
    for _, values in layout.group.pile.rows():
        for known, chosen in zip(found, columns, strict=True):
            if len(known) <= most:
                known.add(tuple([values[column] for column in chosen]))
    return [len(known) for known in found]
