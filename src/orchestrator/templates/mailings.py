"""Many rendered mails -> the fewest distinct contents (mailings), with slots for what varies.

Recipients with one skeleton share a mailing, and so do those whose skeletons differ in plain text only
(``alternatives``). A value that all of them have is written into it; values that vary get slots, neighbors together
(``layout``). Where slots run out, recipients are split by what costs least (``packing``).

Order and slots depend on the contacts' keys and the templates only, never on the order of the input. Memory does not
grow with the recipients: their values wait on disk (``piles``) and are read again when the mailings are written.
"""

from __future__ import annotations

import re
from collections.abc import ItemsView, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.templates.alternatives import Apart, families, unite, variants
from orchestrator.templates.document import filled
from orchestrator.templates.excess import too_many_skeletons, too_many_slots
from orchestrator.templates.layout import Group
from orchestrator.templates.packing import DoesNotFit, pack
from orchestrator.templates.piles import Pile, Spool
from orchestrator.templates.safe_values import Place
from orchestrator.templates.slots import cut

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orchestrator.templates.alternatives import Family
    from orchestrator.templates.document import Parts
    from orchestrator.templates.layout import Layout
    from orchestrator.templates.mail import Rendered, Skeleton

_TAG = re.compile(r"\*\|([A-Z0-9_]+)\|\*")
MOST_SKELETONS = 2_000
"""different texts of one run; more are given up at once"""
UNKNOWN = "\1"
"""a synced merge field whose content is not known: equal to no printed value"""


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
    recipients: Recipients
    """contact key -> tag -> value; every recipient has every slot, "" where its value is shorter"""


@dataclass(frozen=True, slots=True)
class MailingPlan:
    """The mailings of a run."""

    mailings: tuple[Mailing, ...]

    @property
    def recipients(self) -> int:
        return sum(len(mailing.recipients) for mailing in self.mailings)


class Recipients(Mapping[str, "Mapping[str, str]"]):
    """A mailing's recipients, read from disk as they are asked for, in the order in which they were rendered."""

    def __init__(self, layout: Layout, tags: Sequence[tuple[str, ...]]) -> None:
        """``tags``: for each variable of the layout, those of its slots."""
        self._layout = layout
        self._tags = tags

    def __len__(self) -> int:
        return self._layout.group.pile.size

    def __iter__(self) -> Iterator[str]:
        return (key for key, _ in self._layout.group.pile.rows())

    def __getitem__(self, key: str) -> Mapping[str, str]:
        for other, values in self._layout.group.pile.rows():
            if other == key:
                return self._fields(values)
        raise KeyError(key)

    def items(self) -> ItemsView[str, Mapping[str, str]]:
        return _Items(self)

    def rows(self) -> Iterator[tuple[str, dict[str, str], dict[str, str]]]:
        """(contact key, tag -> value of its slots, tag -> value of the synced merge fields that it relies on)."""
        held = self._layout.held
        for key, values in self._layout.group.pile.rows():
            yield key, self._fields(values), {tag: values[column] for tag, column in held.items()}

    def _fields(self, values: Sequence[str]) -> dict[str, str]:
        fields: dict[str, str] = {}
        for variable, tags in zip(self._layout.variables, self._tags, strict=True):
            chain = variable.chain
            value = chain.of(values) if chain.between else values[chain.columns[0]]
            if len(tags) == 1:
                fields[tags[0]] = value
            else:
                pieces = cut(value)
                fields.update(zip(tags, pieces + [""] * (len(tags) - len(pieces)), strict=True))
        return fields


class _Items(ItemsView[str, "Mapping[str, str]"]):
    """Read in one go, not key by key."""

    _mapping: Recipients

    def __iter__(self) -> Iterator[tuple[str, Mapping[str, str]]]:
        return ((key, fields) for key, fields, _ in self._mapping.rows())


class MailingCompiler:
    """Takes rendered mails one after the other, and then makes the mailings."""

    def __init__(self, synced: Iterable[str] = ()) -> None:
        """``synced``: tags of merge fields that are kept up to date anyway."""
        self._synced = tuple(synced)
        self._spool = Spool()
        self._piles: dict[Skeleton, Pile] = {}

    def add(self, rendered: Rendered, held: Mapping[str, str]) -> None:
        """One more mail. ``held``: what the recipient's synced merge fields are known to hold."""
        pile = self._piles.get(rendered.skeleton)
        if pile is None:
            pile = self._piles[rendered.skeleton] = Pile(self._spool)
            if len(self._piles) > MOST_SKELETONS:
                raise too_many_skeletons(list(self._piles), MOST_SKELETONS)
        values = rendered.values
        if self._synced:
            values += tuple([held.get(tag, UNKNOWN) for tag in self._synced])
        pile.add(rendered.contact_key, values)

    def plan(self, *, slots: Sequence[str], max_mailings: int) -> MailingPlan:
        """The fewest mailings that deliver every mail exactly.

        ``slots``: tags of free merge fields, such as CO_1. Raises TooManyMailings, which names the printed value or the
        text that varies most.
        """
        for pile in self._piles.values():
            pile.flush()
        piles = sorted(self._piles.items(), key=lambda one: one[1].first_key)
        layouts: list[Layout] = []
        try:
            for family in families(piles):
                layouts += self._packed(family, len(slots), max_mailings)
        except DoesNotFit as fault:
            raise too_many_slots(fault.layout, fault.distinct, len(slots), max_mailings) from None
        if len(layouts) > max_mailings:
            raise too_many_skeletons([skeleton for skeleton, _ in piles], max_mailings)
        layouts.sort(key=lambda layout: layout.group.pile.first_key)
        return MailingPlan(tuple(_mailing(number, layout, slots) for number, layout in enumerate(layouts, 1)))

    def _packed(self, family: Family, budget: int, most: int) -> list[Layout]:
        """The fewest layouts for skeletons that differ in text only: as one, or apart by the run with fewest texts."""
        if len(family) == 1:
            return pack(self._group(*family[0]), budget, most)
        united = unite(family, self._synced)
        together: list[Layout] = []
        if isinstance(united, Group):
            with suppress(DoesNotFit):
                together = pack(united, budget, most)
            if len(together) == 1:
                return together
        apart: list[Layout] = []
        try:
            for part in _parted(family, united.by if isinstance(united, Apart) else None):
                apart += self._packed(part, budget, most)
        except DoesNotFit:
            if together:
                return together
            raise
        return min((apart, together or apart), key=len)

    def _group(self, skeleton: Skeleton, pile: Pile) -> Group:
        document = skeleton.document()
        texts = (document.subject, document.preheader, document.html, document.text)
        plain = tuple(place is Place.TEXT for outline in skeleton.outlines for place in outline.places)
        return Group(skeleton, texts, skeleton.sites, plain, pile, self._synced)


def compile_mailings(
    rendered: Iterable[Rendered],
    *,
    slots: Sequence[str],
    synced: Mapping[str, Mapping[str, str]] | None = None,
    max_mailings: int,
) -> MailingPlan:
    """The fewest mailings for all mails at once; ``synced``: tag -> contact key -> value. See ``MailingCompiler``."""
    known = synced or {}
    compiler = MailingCompiler(known)
    for one in rendered:
        compiler.add(one, {tag: values[one.contact_key] for tag, values in known.items() if one.contact_key in values})
    return compiler.plan(slots=slots, max_mailings=max_mailings)


def merge(source: str, fields: Mapping[str, str]) -> str:
    """``source`` with its merge tags filled, as the provider does it; unknown tags stay."""
    return _TAG.sub(lambda tag: fields.get(tag.group(1), tag.group()), source)


def _parted(family: Family, by: tuple[int, int] | None) -> list[Family]:
    """A family apart by one run that differs: ``by``, or the one with fewest texts. Each by itself without any."""
    differing = variants(family)
    if by is None and differing:
        by = min(differing, key=lambda run: (len(set(differing[run])), run))
    if by is None:
        return [[one] for one in family]
    parts: dict[str, Family] = {}
    for one, text in zip(family, differing[by], strict=True):
        parts.setdefault(text, []).append(one)
    return list(parts.values())


def _mailing(number: int, layout: Layout, slots: Sequence[str]) -> Mailing:
    free = iter(slots)
    tags = [tuple([next(free) for _ in range(variable.slots)]) for variable in layout.variables]
    written = ["".join(f"*|{tag}|*" for tag in own) for own in tags]

    def text(parts: Parts) -> str:
        return filled(parts, written.__getitem__)

    subject, preheader, html, plain = layout.texts
    return Mailing(
        number=number,
        template=layout.group.skeleton.template,
        language=layout.group.skeleton.language,
        subject=text(subject),
        preheader=None if preheader is None else text(preheader),
        html=text(html),
        text=text(plain),
        slots=tuple(tag for own in tags for tag in own),
        recipients=Recipients(layout, tags),
    )
