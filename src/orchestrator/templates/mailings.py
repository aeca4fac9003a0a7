"""Many rendered mails -> the fewest distinct contents (mailings), with slots for what varies.

Recipients with one skeleton share a mailing. A value that all of them have is written into it; columns of values
that are equal for every recipient share slots; a longer value takes several. Where slots run out, first the
beginnings and ends that all values share (``https://shop.example/p/…``) move into the mailing, and then
recipients are split by the values whose combinations are fewest.

Order and slots depend on the contacts' keys and the templates only, never on the order of the input.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from orchestrator.templates.document import filled
from orchestrator.templates.excess import fault_at, too_many_skeletons
from orchestrator.templates.slots import common_ends, cut, slots_needed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from orchestrator.templates.document import Parts
    from orchestrator.templates.faults import TooManyMailings
    from orchestrator.templates.mail import Rendered, Skeleton

_TAG = re.compile(r"\*\|([A-Z0-9_]+)\|\*")
_MOST_COMBINATIONS = 2_000
_MOST_COUNTED = 60


@dataclass(frozen=True, slots=True)
class Mailing:
    """One distinct content: one remote campaign."""

    number: int
    """from 1"""
    template: str
    language: str
    subject: str
    preheader: str | None
    html: str
    text: str
    slots: tuple[str, ...]
    """tags of the merge fields that hold this mailing's slots"""
    recipients: Mapping[str, Mapping[str, str]]
    """contact key -> tag -> value; every recipient has every slot, "" where its value is shorter"""


@dataclass(frozen=True, slots=True)
class MailingPlan:
    """The mailings of a run."""

    mailings: tuple[Mailing, ...]

    @property
    def recipients(self) -> int:
        return sum(len(mailing.recipients) for mailing in self.mailings)


@dataclass(frozen=True, slots=True)
class _Variable:
    """Gaps whose values differ between recipients, all in the same way."""

    column: tuple[str, ...]
    """for each recipient, what slots have to carry"""
    gaps: tuple[tuple[int, str, str], ...]
    """gap, and what stands before and after the slots there"""
    slots: int
    field: str | None
    """a merge field that already holds the column"""

    @property
    def distinct(self) -> int:
        return len(set(self.column))


def compile_mailings(
    rendered: Iterable[Rendered],
    *,
    slots: Sequence[str],
    synced: Mapping[str, Mapping[str, str]] | None = None,
    max_mailings: int,
) -> MailingPlan:
    """The fewest mailings that deliver every mail exactly.

    ``slots``: tags of free merge fields, such as CO_1. ``synced``: tag -> contact key -> value of merge fields that
    are kept up to date anyway; a column equal to one of them needs no slot. Raises TooManyMailings, which names the
    printed value or the text that varies most.
    """
    groups: dict[Skeleton, list[Rendered]] = defaultdict(list)
    for one in rendered:
        groups[one.skeleton].append(one)
    if len(groups) > max_mailings:
        raise too_many_skeletons(list(groups), max_mailings)
    for members in groups.values():
        members.sort(key=lambda member: member.contact_key)
    mailings: list[Mailing] = []
    for members in sorted(groups.values(), key=lambda members: members[0].contact_key):
        parts = _parts(members, len(slots), synced or {})
        if len(mailings) + len(parts) > max_mailings:
            raise _too_many_parts(members, len(slots), synced or {}, len(mailings) + len(parts), max_mailings)
        for part, variables in parts:
            mailings.append(_mailing(len(mailings) + 1, part, variables, slots))
    return MailingPlan(tuple(mailings))


def merge(source: str, fields: Mapping[str, str]) -> str:
    """``source`` with its merge tags filled, as the provider does it; unknown tags stay."""
    return _TAG.sub(lambda tag: fields.get(tag.group(1), tag.group()), source)


def _parts(
    members: list[Rendered], budget: int, synced: Mapping[str, Mapping[str, str]]
) -> list[tuple[list[Rendered], list[_Variable]]]:
    variables = _variables(members, synced, trimmed=False)
    if _slots(variables) > budget:
        variables = _variables(members, synced, trimmed=True)
    if _slots(variables) <= budget:
        return [(members, variables)]
    split = _cheapest_split(variables, budget)
    groups: dict[tuple[str, ...], list[Rendered]] = defaultdict(list)
    for index, member in enumerate(members):
        groups[tuple(variable.column[index] for variable in split)].append(member)
    return [part for group in groups.values() for part in _parts(group, budget, synced)]


def _variables(members: list[Rendered], synced: Mapping[str, Mapping[str, str]], *, trimmed: bool) -> list[_Variable]:
    held = {tuple(values.get(member.contact_key, "") for member in members): tag for tag, values in synced.items()}
    columns: dict[tuple[str, ...], list[tuple[int, str, str]]] = defaultdict(list)
    for gap in members[0].skeleton.document().used:
        column = tuple([member.values[gap] for member in members])
        distinct = set(column)
        if len(distinct) == 1:
            continue
        before = after = ""
        if trimmed and column not in held:
            before, after = common_ends(distinct)
            if before or after:
                stop = -len(after) or None
                column = tuple([value[len(before) : stop] for value in column])
        columns[column].append((gap, before, after))
    return [
        _Variable(column, tuple(gaps), 0 if column in held else slots_needed(set(column)), held.get(column))
        for column, gaps in columns.items()
    ]


def _slots(variables: Iterable[_Variable]) -> int:
    return sum(variable.slots for variable in variables)


def _cheapest_split(variables: list[_Variable], budget: int) -> tuple[_Variable, ...]:
    """The variables by which to split: enough to fit the rest, with the fewest combinations of values."""
    excess = _slots(variables) - budget
    by_cost = sorted((v for v in variables if v.slots), key=lambda v: (v.distinct, v.gaps))
    # greedy first: it always ends, and bounds the search for something better
    chosen: list[_Variable] = []
    for variable in by_cost:
        if excess - _slots(chosen) <= 0:
            break
        chosen.append(variable)
    best, fewest = tuple(chosen), _combinations(chosen)
    tried = counted = 0
    for size in range(1, len(chosen) + 1):
        for candidate in combinations(by_cost, size):
            tried += 1
            if tried > _MOST_COMBINATIONS or counted > _MOST_COUNTED:
                return best
            # no set of variables has fewer combinations than its richest variable alone
            if _slots(candidate) < excess or candidate[-1].distinct >= fewest:
                continue
            counted += 1
            if (number := _combinations(candidate)) < fewest:
                best, fewest = candidate, number
    return best


def _combinations(variables: Sequence[_Variable]) -> int:
    return len(set(zip(*(variable.column for variable in variables), strict=True)))


def _mailing(number: int, members: list[Rendered], variables: list[_Variable], slots: Sequence[str]) -> Mailing:
    skeleton = members[0].skeleton
    document = skeleton.document()
    written: dict[int, str] = {}
    fields: dict[str, dict[str, str]] = {member.contact_key: {} for member in members}
    free = iter(slots)
    used: list[str] = []
    for variable in variables:
        tags = [variable.field] if variable.field else [next(free) for _ in range(variable.slots)]
        for gap, before, after in variable.gaps:
            written[gap] = before + "".join(f"*|{tag}|*" for tag in tags) + after
        if variable.field:
            continue
        used += tags
        for member, value in zip(members, variable.column, strict=True):
            pieces = cut(value)
            pieces += [""] * (len(tags) - len(pieces))
            fields[member.contact_key].update(zip(tags, pieces, strict=True))
    values = members[0].values

    def text(parts: Parts) -> str:
        return filled(parts, lambda gap: written.get(gap, values[gap]))

    return Mailing(
        number=number,
        template=skeleton.template,
        language=skeleton.language,
        subject=text(document.subject),
        preheader=None if document.preheader is None else text(document.preheader),
        html=text(document.html),
        text=text(document.text),
        slots=tuple(used),
        recipients=fields,
    )


def _too_many_parts(
    members: list[Rendered], budget: int, synced: Mapping[str, Mapping[str, str]], number: int, limit: int
) -> TooManyMailings:
    skeleton = members[0].skeleton
    variables = _variables(members, synced, trimmed=True)
    worst = max(variables, key=lambda variable: (variable.slots, variable.distinct))
    site = skeleton.sites[worst.gaps[0][0]]
    message = (
        f"the mails need at least {number:,} mailings and the limit is {limit:,}: values that differ between recipients"
        f" need {_slots(variables):,} slots and {budget:,} are free; this one has {worst.distinct:,} different values"
    )
    hint = "Print fewer values that differ (for example `cart.lines[:4]`), or shorter ones, or free more merge fields."
    return fault_at(skeleton, site, message, hint)
