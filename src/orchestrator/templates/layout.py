"""Recipients whose mails differ in values only -> one content with the slots that they need.

Values that all have are written into the content. Columns that are equal in every row are one variable. Values with
only plain text between them, wherever they stand, travel together in one slot where that saves slots: ``{{ quantity }}
× {{ name }}`` is one variable, with its ``×``. A column that an already synced merge field holds needs no slot.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from orchestrator.templates.slots import SLOT_BYTES, cut

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from orchestrator.templates.document import Parts
    from orchestrator.templates.faults import Site
    from orchestrator.templates.mail import Skeleton
    from orchestrator.templates.piles import Column, Pile

Texts: TypeAlias = "tuple[Parts, Parts | None, Parts, Parts]"
"""subject, preheader, HTML and plain text"""

_LONGEST_BETWEEN = 80
"""characters of template text that a slot may carry between two values"""
_WIDEST = 12
"""values in one slot"""
# reads the same whether or not it is escaped, holds no tag, and ends neither a text nor an attribute
_UNSAFE_IN_TEXT = re.compile(r"[<>&\x00-\x1f\x7f-\x9f\u2028\u2029]|\*\||\|\*|\A[*|]|[*|]\Z")
_UNSAFE_ELSEWHERE = re.compile(r"[<>&\"'\x00-\x1f\x7f-\x9f\u2028\u2029]|\*\||\|\*|\A[*|]|[*|]\Z")
_MAY_END_ENTITY = re.compile(r"\Z|[A-Za-z0-9#;]")


@dataclass(frozen=True, slots=True)
class Group:
    """Recipients with one content but for the values in its gaps."""

    skeleton: Skeleton
    texts: Texts
    """a gap is the number of its column"""
    sites: tuple[Site, ...]
    """for each gap, where the template prints it"""
    plain: tuple[bool, ...]
    """for each gap, whether it stands in text, not in an attribute"""
    pile: Pile
    """a column for each gap, then one for each synced merge field"""
    synced: tuple[str, ...]
    """tags of the merge fields in the last columns"""

    @property
    def used(self) -> list[int]:
        """Gaps that stand somewhere, ascending."""
        return sorted({part for text in self.texts for part in text or () if isinstance(part, int)})


class Chain(NamedTuple):
    """Columns, and the template text between them: one less than there are columns."""

    columns: tuple[int, ...]
    between: tuple[str, ...] = ()

    def part(self, start: int, end: int) -> Chain:
        return Chain(self.columns[start:end], self.between[start : end - 1])

    def of(self, values: Sequence[str]) -> str:
        """What a recipient with these values has there."""
        found = values[self.columns[0]]
        for text, column in zip(self.between, self.columns[1:], strict=True):
            found += text + values[column]
        return found


@dataclass(frozen=True, slots=True)
class Variable:
    """What some slots carry for each recipient."""

    chain: Chain
    slots: int


@dataclass(frozen=True, slots=True)
class Layout:
    """A content, and the variables whose slots it needs."""

    group: Group
    texts: Texts
    """an int is the number of a variable"""
    variables: tuple[Variable, ...]
    held: Mapping[str, int]
    """tags of synced merge fields that it uses -> the column that each holds"""

    @property
    def slots(self) -> int:
        return sum(variable.slots for variable in self.variables)


def together(items: Iterable[str | int]) -> list[str | int]:
    """``items`` with neighboring texts joined and empty ones left out."""
    found: list[str | int] = []
    for item in items:
        if isinstance(item, str) and found and isinstance(found[-1], str):
            found[-1] += item
        elif item != "":
            found.append(item)
    return found


def carriable(text: str, *, plain: bool) -> bool:
    """Whether template text may stand in a slot, between two values."""
    unsafe = _UNSAFE_IN_TEXT if plain else _UNSAFE_ELSEWHERE
    return len(text) <= _LONGEST_BETWEEN and not unsafe.search(text)


def lay_out(group: Group) -> Layout:
    """The content of a group with the fewest slots that its values allow."""
    group.pile.flush()
    columns = group.pile.columns
    gaps = len(columns) - len(group.synced)
    tags: dict[bytes, tuple[str, int]] = {}
    for place, tag in enumerate(group.synced, gaps):
        if not columns[place].constant:
            tags.setdefault(columns[place].digest(), (tag, place))
    same: dict[bytes, int] = {}
    held: dict[str, int] = {}
    written: dict[int, str | int] = {}
    for gap in group.used:
        column = columns[gap]
        if column.constant:
            written[gap] = column.first
        elif column.digest() in tags:
            tag, place = tags[column.digest()]
            held[tag] = place
            written[gap] = f"*|{tag}|*"
        else:
            written[gap] = same.setdefault(column.digest(), gap)
    lines = [together(part if isinstance(part, str) else written[part] for part in text or ()) for text in group.texts]
    variables = _variables(group, lines, sorted(same.values()))
    subject, preheader, html, text = (_with_variables(line, variables) for line in lines)
    texts = (subject, None if group.texts[1] is None else preheader, html, text)
    return Layout(group, texts, variables, held)


def _variables(group: Group, lines: list[list[str | int]], columns: list[int]) -> tuple[Variable, ...]:
    chains = _chains(group, lines, columns)
    costs = _costs(group, chains)
    found = [
        Variable(part, costs[part])
        for chain in chains
        for part in (_cheapest_cut(chain, costs) if chain.between else [chain])
    ]
    return tuple(sorted(found, key=lambda variable: min(variable.chain.columns)))


def _chains(group: Group, lines: list[list[str | int]], columns: list[int]) -> list[Chain]:
    """Columns that follow one another everywhere with the same text between, and may share a slot."""
    following = _following(group, lines, columns)
    chains: list[Chain] = []
    for head in sorted(set(columns) - {other for _, other in following.values()}):
        chain = Chain((head,))
        while (step := following.get(chain.columns[-1])) is not None:
            between, column = step
            chain = Chain((*chain.columns, column), (*chain.between, between))
        chains.append(chain)
    return chains


def _following(group: Group, lines: list[list[str | int]], columns: list[int]) -> dict[int, tuple[str, int]]:
    """Column -> the text and the column after it, where that is so everywhere and they may share a slot."""
    nothing = ("", -1)
    after: dict[int, set[tuple[str, int]]] = {column: set() for column in columns}
    before: dict[int, set[tuple[str, int]]] = {column: set() for column in columns}
    for line in lines:
        last, between = -1, ""
        for item in line:
            if isinstance(item, str):
                between = item
                continue
            before[item].add((between, last) if last >= 0 else nothing)
            if last >= 0:
                after[last].add((between, item))
            last, between = item, ""
        if last >= 0:
            after[last].add(nothing)
    found: dict[int, tuple[str, int]] = {}
    for column in columns:
        if len(after[column]) != 1:
            continue
        ((between, other),) = after[column]
        sure = other not in {-1, column} and before[other] == {(between, column)}
        if sure and _may_join(group, column, between, other):
            found[column] = (between, other)
    return found


def _may_join(group: Group, left: int, between: str, right: int) -> bool:
    if not carriable(between, plain=_is_plain(group, left) and _is_plain(group, right)):
        return False
    # what follows could make an entity of an "&": the parts would read differently than the whole
    return not (group.pile.columns[left].ampersand and _MAY_END_ENTITY.match(between))


def _is_plain(group: Group, column: int) -> bool:
    """Whether a column's values, wherever they are printed, stand in text."""
    digest = group.pile.columns[column].digest()
    same = (gap for gap in group.used if not group.pile.columns[gap].constant)
    return all(group.plain[gap] for gap in same if group.pile.columns[gap].digest() == digest)


def _costs(group: Group, chains: list[Chain]) -> dict[Chain, int]:
    """Slots of every part of a chain that may travel together."""
    columns = group.pile.columns
    costs: dict[Chain, int] = {}
    measured: dict[Chain, int] = {}
    for part in (part for chain in chains for part in _parts(columns, chain)):
        if not part.between:
            costs[part] = columns[part.columns[0]].slots
        elif sum(columns[column].longest for column in part.columns) + len("".join(part.between).encode()) > SLOT_BYTES:
            measured[part] = 1
        else:
            costs[part] = 1
    if measured:
        for _, values in group.pile.rows():
            for part, known in measured.items():
                value = part.of(values)
                if len(value) * 4 > SLOT_BYTES:
                    measured[part] = max(known, len(cut(value)))
    return costs | measured


def _parts(columns: Sequence[Column], chain: Chain) -> Iterator[Chain]:
    """The parts of a chain that may be one slot: nobody's begins or ends with a space, which it might lose."""
    width = len(chain.columns)
    for start in range(width):
        yield chain.part(start, start + 1)
        for end in range(start + 2, min(width, start + _WIDEST) + 1):
            part = chain.part(start, end)
            begins = part.between[0].startswith(" ") and columns[part.columns[0]].empty
            ends = part.between[-1].endswith(" ") and columns[part.columns[-1]].empty
            if not begins and not ends:
                yield part


def _cheapest_cut(chain: Chain, costs: Mapping[Chain, int]) -> list[Chain]:
    """The parts of a chain with the fewest slots; joins that save nothing are not made."""
    best: list[tuple[int, int, list[Chain]]] = [(0, 0, [])]
    for end in range(1, len(chain.columns) + 1):
        options = []
        for start in range(end):
            part = chain.part(start, end)
            if part in costs:
                slots, joins, parts = best[start]
                options.append((slots + costs[part], joins + len(part.between), [*parts, part]))
        best.append(min(options))
    return best[-1][2]


def _with_variables(line: list[str | int], variables: tuple[Variable, ...]) -> Parts:
    """``line`` with the numbers of variables in the place of their columns."""
    by_head = {variable.chain.columns[0]: number for number, variable in enumerate(variables)}
    found: list[str | int] = []
    at = 0
    while at < len(line):
        item = line[at]
        if isinstance(item, str):
            found.append(item)
            at += 1
        else:
            chain = variables[by_head[item]].chain
            found.append(by_head[item])
            # neighbors without a text between them have no item for it
            at += len(chain.columns) + sum(1 for text in chain.between if text)
    return tuple(found)
