"""One contact's mail: a skeleton that it shares with others, its own values, and what they make together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.templates.document import Document, filled

if TYPE_CHECKING:
    from orchestrator.templates.faults import Site
    from orchestrator.templates.links import Utm
    from orchestrator.templates.outline import Outline
    from orchestrator.templates.render import TemplateLibrary


@dataclass(frozen=True, slots=True)
class RenderedEmail:
    """One mail as its recipient gets it."""

    subject: str
    preheader: str | None
    html: str
    text: str
    language: str


@dataclass(frozen=True, slots=True, eq=False)
class Skeleton:
    """What recipients of one mailing have in common. Equal skeletons compile to the same document."""

    key: str
    """digest of everything that the document is made of"""
    kind: str
    template: str
    """file name of the template, language variant included"""
    language: str
    subject: Outline
    preheader: Outline | None
    source: Outline
    text: Outline | None
    utm: Utm
    library: TemplateLibrary = field(repr=False)
    names: tuple[str, str] = ("subject", "preheader")
    """of the campaign's keys that subject and preheader come from"""

    def document(self) -> Document:
        """The compiled mail; kept for the most recent skeletons. Raises TemplateError."""
        return self.library.compiled(self)

    @property
    def outlines(self) -> tuple[Outline, ...]:
        """In the order in which gaps are numbered."""
        present = (self.subject, self.preheader, self.source, self.text)
        return tuple(outline for outline in present if outline is not None)

    @property
    def sites(self) -> tuple[Site, ...]:
        """For each gap, where its value is printed."""
        return tuple(site for outline in self.outlines for site in outline.sites)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Skeleton) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


@dataclass(frozen=True, slots=True)
class Rendered:
    """One contact's mail: a reference to its skeleton, and its own values, safe and final, one for each gap."""

    contact_key: str
    skeleton: Skeleton
    values: tuple[str, ...]

    def preview(self) -> RenderedEmail:
        """The mail as it will be delivered. Raises TemplateError where the document cannot be compiled."""
        document = self.skeleton.document()
        value = self.values.__getitem__
        return RenderedEmail(
            subject=filled(document.subject, value),
            preheader=None if document.preheader is None else filled(document.preheader, value),
            html=filled(document.html, value),
            text=filled(document.text, value),
            language=self.skeleton.language,
        )
