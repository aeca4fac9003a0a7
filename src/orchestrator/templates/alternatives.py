"""Skeletons that differ in plain text only -> one skeleton with a gap where they differ.

``{% if contact.first_name %}Hello {{ contact.first_name }}, we{% else %}We{% endif %} have …`` makes two texts of one
mail. Their markup is the same, so the readers of both can share a mailing: what differs, ``Hello Anna, we`` or ``We``,
travels in a slot like a printed value. Only text that reads the same whether or not the provider escapes it does; other
markup, other links and other numbers of rows stay different mailings.

The compiled documents decide: skeletons are united only where the united document, with each one's text in the gap, is
each one's own document, character by character.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from orchestrator.templates.faults import Site, TemplateError
from orchestrator.templates.layout import Group, carriable, together
from orchestrator.templates.mail import Skeleton
from orchestrator.templates.outline import Outline
from orchestrator.templates.piles import Pile
from orchestrator.templates.safe_values import Place, safe_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orchestrator.templates.layout import Texts

Value: TypeAlias = "tuple[str | int, ...]"
"""what stands in a gap of the united skeleton: text, and as an int a gap of one's own"""
Family: TypeAlias = "list[tuple[Skeleton, Pile]]"

_GAP = "\0"
_MARKUP = re.compile(
    r"""(<!--.*?-->|<(?P<raw>style|mj-style|title|mj-title|script|xml)\b(?:[^"'>]|"[^"]*"|'[^']*')*>.*?</(?P=raw)\s*>"""
    r"""|<[!?/A-Za-z](?:[^"'>]|"[^"]*"|'[^']*')*>)""",
    re.DOTALL | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Sources:
    """A skeleton's sources in tokens: markup, and the text runs between; gaps are NUL."""

    runs: tuple[tuple[str, ...], ...]
    """for each outline; every second one is markup, or the end of a line"""

    @property
    def frame(self) -> tuple[tuple[str, ...], ...]:
        """What has to be the same."""
        return tuple(tokens[1::2] for tokens in self.runs)


@dataclass(frozen=True, slots=True)
class Apart:
    """Skeletons that cannot be one: ``by`` is the run that keeps them apart (outline, token), if it is one."""

    by: tuple[int, int] | None


def families(piles: Family) -> list[Family]:
    """Skeletons that differ in text runs only, together."""
    found: dict[object, Family] = defaultdict(list)
    for skeleton, pile in piles:
        shape = tuple(None if outline is None else True for outline in _outlines(skeleton))
        frame = (skeleton.kind, skeleton.template, skeleton.language, skeleton.utm, shape, sources(skeleton).frame)
        found[frame].append((skeleton, pile))
    return list(found.values())


def sources(skeleton: Skeleton) -> Sources:
    found = []
    for outline in skeleton.outlines:
        text = _GAP.join(outline.texts)
        if outline is skeleton.source:
            found.append(_tokens(_MARKUP, text))
        elif outline is skeleton.text:
            found.append(_tokens(re.compile(r"(\n)"), text))
        else:
            found.append((text,))
    return Sources(tuple(found))


def variants(family: Family) -> dict[tuple[int, int], list[str]]:
    """Runs that differ: (outline, token) -> the run of each skeleton."""
    all_runs = [sources(skeleton).runs for skeleton, _ in family]
    found: dict[tuple[int, int], list[str]] = {}
    for outline, tokens in enumerate(all_runs[0]):
        for token in range(0, len(tokens), 2):
            texts = [runs[outline][token] for runs in all_runs]
            if len(set(texts)) > 1:
                found[outline, token] = texts
    return found


def unite(family: Family, synced: tuple[str, ...]) -> Group | Apart:
    """The recipients of all skeletons of a family as one group."""
    united = _Union([skeleton for skeleton, _ in family])
    apart = united.read([sources(skeleton).runs for skeleton, _ in family])
    if apart is not None:
        return apart
    skeleton = united.skeleton()
    try:
        texts = _texts(skeleton)
    except TemplateError:
        return Apart(None)
    for (own, _), values in zip(family, united.values, strict=True):
        for text, expected in zip(texts, _texts(own), strict=True):
            if together(_expanded(text or (), values)) != together(expected or ()):
                return Apart(None)
    pile = Pile(family[0][1].spool)
    for (_, own_pile), values in zip(family, united.values, strict=True):
        held = len(own_pile.columns) - len(synced)
        for key, row in own_pile.rows():
            mapped = ["".join([row[piece] if isinstance(piece, int) else piece for piece in value]) for value in values]
            for run, own_value in zip(united.runs, mapped, strict=True):
                if run is not None and safe_value(own_value, Place.TEXT) != own_value:
                    return Apart(run)
            pile.add(key, (*mapped, *row[held:]))
    pile.flush()
    plain = tuple(place is Place.TEXT for outline in skeleton.outlines for place in outline.places)
    return Group(skeleton, texts, skeleton.sites, plain, pile, synced)


def _texts(skeleton: Skeleton) -> Texts:
    document = skeleton.document()
    return (document.subject, document.preheader, document.html, document.text)


class _Union:
    """Reads the sources of some skeletons side by side."""

    def __init__(self, skeletons: Sequence[Skeleton]) -> None:
        self._skeletons = skeletons
        self.values: list[list[Value]] = [[] for _ in skeletons]
        """for each skeleton, what stands in each gap of the united one"""
        self.runs: list[tuple[int, int] | None] = []
        """for each gap of the united skeleton, the run that it stands for"""
        self._next = [0] * len(skeletons)
        self._own_sites = skeletons[0].sites
        self._own_places = [place for outline in skeletons[0].outlines for place in outline.places]
        self._outlines: list[Outline] = []
        self._texts: list[str] = []
        self._sites: list[Site] = []
        self._places: list[Place] = []

    def read(self, runs: Sequence[tuple[tuple[str, ...], ...]]) -> Apart | None:
        """All sources; None where they can be one."""
        for number, tokens in enumerate(runs[0]):
            self._texts, self._sites, self._places = [""], [], []
            for token in range(len(tokens)):
                own = [one[number][token] for one in runs]
                if len(set(own)) == 1:
                    self._shared(own[0])
                    continue
                found = _difference(own)
                if found is None:
                    return Apart((number, token))
                before, middles, after = found
                self._shared(before)
                self._differing(middles, (number, token))
                self._shared(after)
            self._outlines.append(Outline(tuple(self._texts), tuple(self._sites), tuple(self._places), ()))
        return None

    def skeleton(self) -> Skeleton:
        first = self._skeletons[0]
        left = iter(self._outlines)
        subject, preheader, source, text = (None if outline is None else next(left) for outline in _outlines(first))
        assert subject is not None
        assert source is not None
        key = hashlib.sha256(repr(sorted(skeleton.key for skeleton in self._skeletons)).encode()).hexdigest()
        return Skeleton(
            key, first.kind, first.template, first.language, subject, preheader, source, text, first.utm, first.library
        )

    def _shared(self, source: str) -> None:
        parts = source.split(_GAP)
        for index, text in enumerate(parts):
            self._texts[-1] += text
            if index < len(parts) - 1:
                self._gap(self._own_sites[self._next[0]], self._own_places[self._next[0]], None)
                for number, values in enumerate(self.values):
                    values.append((self._next[number],))
                    self._next[number] += 1

    def _differing(self, middles: Sequence[str], run: tuple[int, int]) -> None:
        site = next(
            (
                skeleton.sites[at]
                for skeleton, at, middle in zip(self._skeletons, self._next, middles, strict=True)
                if _GAP in middle
            ),
            Site(self._skeletons[0].template, 0, escaped=True),
        )
        self._gap(site, Place.TEXT, run)
        for number, middle in enumerate(middles):
            value: list[str | int] = []
            for index, text in enumerate(middle.split(_GAP)):
                if index:
                    value.append(self._next[number])
                    self._next[number] += 1
                value.append(text)
            self.values[number].append(tuple(together(value)))

    def _gap(self, site: Site, place: Place, run: tuple[int, int] | None) -> None:
        self._texts.append("")
        self._sites.append(site)
        self._places.append(place)
        self.runs.append(run)


def _difference(runs: Sequence[str]) -> tuple[str, list[str], str] | None:
    """What runs have in common before and after, and what each has between; None where a slot cannot carry that.

    Cut at spaces, so that nothing in a slot begins or ends with one.
    """
    start = len(_common_beginning(runs))
    while start and not (runs[0][start - 1].isspace() and _no_space_at(runs, start)):
        start -= 1
    rests = [run[start:][::-1] for run in runs]
    end = len(_common_beginning(rests))
    while end and not (rests[0][end - 1].isspace() and _no_space_at(rests, end)):
        end -= 1
    middles = [rest[end:][::-1] for rest in rests]
    for middle in middles:
        if any(not carriable(text, plain=True) for text in middle.split(_GAP)):
            return None
    return runs[0][:start], middles, rests[0][:end][::-1]


def _no_space_at(runs: Sequence[str], at: int) -> bool:
    return not any(run[at : at + 1].isspace() for run in runs)


def _common_beginning(runs: Sequence[str]) -> str:
    least, most = min(runs), max(runs)
    length = next((at for at, letter in enumerate(least) if letter != most[at : at + 1]), len(least))
    return least[:length]


def _tokens(separator: re.Pattern[str], text: str) -> tuple[str, ...]:
    found, at = [], 0
    for match in separator.finditer(text):
        found += [text[at : match.start()], match.group()]
        at = match.end()
    return (*found, text[at:])


def _outlines(skeleton: Skeleton) -> tuple[Outline | None, ...]:
    return (skeleton.subject, skeleton.preheader, skeleton.source, skeleton.text)


def _expanded(text: Sequence[str | int], values: Sequence[Value]) -> Iterator[str | int]:
    for part in text:
        if isinstance(part, str):
            yield part
        else:
            yield from values[part]
