"""The quality gate: rendered mails in, what must not or should not go out like that, with file, line and remedy.

What recipients share (the skeleton) is looked at once; of each recipient only what depends on their values: whether a
link, an image or the subject is empty or leads nowhere, and how large the mail is. An error is what Mailchimp requires
or what breaks the mail for a reader; a matter of style or of comfort is a warning.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.problems import Level, Problem
from orchestrator.templates.addresses import address_fault
from orchestrator.templates.clients import unsupported
from orchestrator.templates.colors import contrast, needed_contrast
from orchestrator.templates.document import UNSUBSCRIBE, filled, inlined
from orchestrator.templates.faults import at_line
from orchestrator.templates.page import Page, marked, read_page
from orchestrator.templates.places import PlaceInFile, Places
from orchestrator.templates.tags import TAG, UNRENDERED, unknown_tags

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from orchestrator.templates.document import Document, Parts
    from orchestrator.templates.mail import Rendered, Skeleton
    from orchestrator.templates.render import TemplateLibrary

ADDRESS = re.compile(r"\*\|(?:HTML:)?LIST[:_]ADDRESS(?:_HTML|_VCARD|LINE)?\|\*")
GMAIL_CLIPS_AT = 102 * 1024
LONGEST_SUBJECT = 150
FEWEST_LETTERS = 20
"""of a mail outside of its footer; with fewer, all it says is in its images"""
NO_UNSUBSCRIBE = (
    "the unsubscribe link is missing",
    'Put <a href="*|UNSUB|*">Unsubscribe</a> into the template or its layout.',
)
NO_ADDRESS = (
    "the postal address is missing",
    "Put *|LIST:ADDRESS|* or *|HTML:LIST_ADDRESS_HTML|* into the template or its layout.",
)
MOST_SKELETONS = 2_000
"""looked at; a run with more is stopped for its number of mailings"""
_SHARED = ""
"""stands for every recipient of a skeleton"""


class Finding(NamedTuple):
    """One thing that is wrong, wherever it was found."""

    place: PlaceInFile
    level: Level
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class _Watched:
    """What has to be looked at for each recipient."""

    subject: Parts
    addresses: tuple[tuple[Parts, str, bool, PlaceInFile], ...]
    """addresses with values in them; what the template writes of it; whether of an image; where it stands"""
    gaps: tuple[int, ...]
    """values that readers see"""
    size: int
    """bytes of the HTML without values"""


@dataclass(slots=True)
class _Seen:
    """Recipients of one finding."""

    recipients: int = 0
    example: str = _SHARED


@dataclass(slots=True)
class Gate:
    """Looks at the mails of a run, one after the other."""

    recipients: int = 0
    fixed_links: dict[str, Finding] = field(default_factory=dict)
    """every address that is the same for all, those of images too, with its place"""
    looked_at: dict[Skeleton, _Watched] = field(default_factory=dict)
    """what recipients share; gates that are given the same one say of it once"""
    _found: dict[Finding, _Seen] = field(default_factory=lambda: defaultdict(_Seen))
    _templates: set[str] = field(default_factory=set)
    """whose files were read"""
    _library: TemplateLibrary | None = None

    def watching(self, rendered: Iterable[Rendered]) -> Iterator[Rendered]:
        """The same mails, looked at as they pass."""
        for one in rendered:
            self.look(one)
            yield one

    def look(self, rendered: Rendered) -> None:
        """Look at one recipient's mail. Raises TemplateError where it cannot be compiled."""
        self.recipients += 1
        self._library = rendered.skeleton.library
        watched = self.looked_at.get(rendered.skeleton)
        if watched is None:
            if len(self.looked_at) >= MOST_SKELETONS:
                return
            watched = self.looked_at[rendered.skeleton] = self._look_at_skeleton(rendered.skeleton)
        for finding in self._of_recipient(rendered, watched):
            seen = self._found[finding]
            seen.recipients += 1
            seen.example = seen.example or rendered.contact_key

    def findings(self) -> Iterator[tuple[Finding, int, str]]:
        """Each finding, how many recipients it concerns beside others (0: it is the same for all), and one of them."""
        for finding, seen in self._found.items():
            yield finding, seen.recipients, seen.example

    def problems(self, name_of: Mapping[str, str] | None = None, *, said_of: str | None = None) -> list[Problem]:
        """The findings with the lines of their files, sorted. ``name_of``: how people call a contact, by its key.

        ``said_of``: what each finding is said of, instead of its recipients; may be empty.
        """
        found = [self._problem(*one, name_of or {}, said_of) for one in self.findings()]
        return sorted(set(found))

    def placed_links(self, known: Collection[str] = ()) -> dict[str, Problem]:
        """Each address that is the same for all, besides ``known``, and its place as a problem without words."""
        new = ((address, found) for address, found in self.fixed_links.items() if address not in known)
        return {address: self._problem(found, 0, "", {}, "") for address, found in new}

    def _problem(
        self, finding: Finding, recipients: int, example: str, name_of: Mapping[str, str], said_of: str | None
    ) -> Problem:
        message = finding.message
        if said_of is not None:
            message = f"{message} for {said_of}" if said_of and recipients else message
        elif recipients:
            who = f"for contact {name_of.get(example, example)}" if example else ""
            if recipients > 1:
                who = f"for {recipients:,} recipients, {who.removeprefix('for ')} among them"
            message = f"{message} {who}".rstrip()
        library = self._library
        assert library is not None
        place = finding.place
        return at_line(
            place.file,
            place.line,
            message,
            finding.hint,
            library.source_of,
            library.folder.name,
            place.word,
            level=finding.level,
        ).problems[0]

    # -- what recipients share

    def _look_at_skeleton(self, skeleton: Skeleton) -> _Watched:
        document = skeleton.document()
        places = Places(skeleton)
        for finding in _of_document(skeleton, document, places):
            self._found[finding]
        if skeleton.template not in self._templates:
            self._templates.add(skeleton.template)
            for place, message, hint in unsupported(places.sources, skeleton.library.settings.clients):
                self._found[Finding(place, Level.WARNING, message, hint)]
        page = read_page(inlined(marked(document.html)))
        for finding in _of_page(page, places):
            self._found[finding]
        addresses = []
        for parts, image in _addresses(page):
            place = _place_of_address(parts, places)
            if any(isinstance(part, int) for part in parts):
                addresses.append((parts, filled(parts, lambda _: ""), image, place))
                continue
            address = filled(parts, str)
            self.fixed_links.setdefault(address, Finding(place, Level.ERROR, "", ""))
            fault = address_fault(address, image=image)
            if fault is not None and not UNRENDERED.search(address):  # that is said already
                self._found[Finding(place, Level.ERROR, *fault)]
        size = len(filled(document.html, lambda _: "").encode())
        return _Watched(document.subject, tuple(addresses), document.used, size)

    # -- what each has

    def _of_recipient(self, rendered: Rendered, watched: _Watched) -> Iterator[Finding]:
        values = rendered.values
        value = values.__getitem__
        subject = filled(watched.subject, value).strip()
        if not subject:
            hint = "Give it a text that is always there: {{ VALUE or 'Hello' }}."
            yield Finding(PlaceInFile(rendered.skeleton.names[0], 1, ""), Level.ERROR, "the subject is empty", hint)
        elif len(subject) > LONGEST_SUBJECT:
            message = f"the subject is longer than {LONGEST_SUBJECT} characters"
            hint = "Keep it short: mail clients show the first 40 to 70."
            yield Finding(PlaceInFile(rendered.skeleton.names[0], 1, ""), Level.WARNING, message, hint)
        for parts, written, image, place in watched.addresses:
            fault = address_fault(filled(parts, value), image=image, written=written)
            if fault is not None:
                yield Finding(place, Level.ERROR, *fault)
        size = watched.size
        for gap in watched.gaps:
            text = values[gap]
            size += len(text)
            if "{{" in text or "{%" in text:
                place = Places(rendered.skeleton).of_gap(gap)
                message = "a value from your data holds {{ or {%, and the mail shows it like that"
                # data arrives exactly as it is; it may be a name that somebody typed so
                yield Finding(place, Level.WARNING, message, "If it should have been filled in, mend it where it is.")
        if size > GMAIL_CLIPS_AT:
            message = f"the HTML is larger than {GMAIL_CLIPS_AT // 1024} kB"
            hint = "Gmail clips such mails, with the unsubscribe link at their end: shorten it, or split it."
            yield Finding(PlaceInFile(rendered.skeleton.template, 0, ""), Level.WARNING, message, hint)


def _of_document(skeleton: Skeleton, document: Document, places: Places) -> Iterator[Finding]:
    html = filled(document.html, lambda _: "")
    whole = PlaceInFile(skeleton.template, 0, "")
    if UNSUBSCRIBE not in html:
        yield Finding(whole, Level.ERROR, *NO_UNSUBSCRIBE)
    if not ADDRESS.search(html):
        yield Finding(whole, Level.ERROR, *NO_ADDRESS)
    lines = dict(zip(skeleton.names, (document.subject, document.preheader or ()), strict=True))
    for name, parts in (*lines.items(), ("", document.html), ("", document.text)):
        text = "".join(part for part in parts if isinstance(part, str))
        for word in dict.fromkeys(UNRENDERED.findall(text)):
            place = PlaceInFile(name, 1, "") if name else places.of_text(word, word.strip("{}% "))
            hint = "Take it out of {% raw %} or of [vars]: values are printed, and not carried out."
            yield Finding(place, Level.ERROR, f"{word} would stand in the mail as it is", hint)
        for tag in dict.fromkeys(unknown_tags(text, skeleton.library.settings.merge_tags)):
            place = PlaceInFile(name, 1, "") if name else places.of_text(tag)
            hint = "Mailchimp has no such tag; fields of yours stand in [mailchimp.merge_fields] of config.toml."
            yield Finding(place, Level.ERROR, f"{tag} would stand in the mail as it is", hint)


def _of_page(page: Page, places: Places) -> Iterator[Finding]:
    if not page.language or page.language == "und":
        hint = 'Write <html lang="en">: screen readers and translators go by it.'
        yield Finding(places.of_text("<html"), Level.WARNING, "the page does not say its language", hint)
    for image in page.images:
        place = _place_of_address(image.address, places)
        if not image.has_alt:
            hint = 'Add alt="…" with what it shows; alt="" where it only decorates.'
            yield Finding(place, Level.WARNING, "the image has no text for those who do not see it (alt)", hint)
        if not image.has_width:
            hint = 'Add width="…": Outlook shows it at its full size otherwise, and the mail jumps while it loads.'
            yield Finding(place, Level.WARNING, "the image has no width", hint)
    letters = sum(
        len(re.sub(r"[\W\d_]", "", TAG.sub("", words.text))) + 10 * sum(isinstance(part, int) for part in words.parts)
        for words in page.words
        if words.block not in page.footers
    )
    if page.images and letters < FEWEST_LETTERS:
        hint = "Say it in text as well: many mail clients show no images until they are asked to."
        yield Finding(_place_of_address(page.images[0].address, places), Level.WARNING, "the mail is images only", hint)
    yield from _contrasts(page, places)


def _contrasts(page: Page, places: Places) -> Iterator[Finding]:
    """One finding for each pair of colors."""
    seen = set()
    for words in page.words:
        if words.color is None or words.background is None:
            continue
        needed = needed_contrast(words.size, bold=words.bold)
        pair = (words.color, words.background, needed)
        ratio = contrast(words.color, words.background)
        if ratio >= needed or pair in seen:
            continue
        seen.add(pair)
        place = places.of_parts(words.parts, str(words.color), str(words.background))
        message = f"{words.color} on {words.background} has a contrast of {_rounded_down(ratio)}; text needs {needed:g}"
        hint = "Take a darker text or a lighter background (or the other way round)."
        yield Finding(place, Level.WARNING, message, hint)


def _addresses(page: Page) -> Iterable[tuple[Parts, bool]]:
    found: dict[tuple[Parts, bool], None] = {}
    for link in page.links:
        found[link.address, False] = None
    for image in page.images:
        found[image.address, True] = None
    return found


def _place_of_address(parts: Parts, places: Places) -> PlaceInFile:
    if not parts:
        return places.of_text('href=""', 'src=""', "href=''", "src=''")
    text = filled(parts, str)
    # parameters were added to it, and & stands as &amp; in the file
    base = re.split(r"[?&]", text)[0]
    return places.of_parts(parts, base, f'href="{text}"', f'src="{text}"', text)


def _rounded_down(ratio: float) -> str:
    return f"{int(ratio * 100) / 100:.2f}".rstrip("0").rstrip(".")
