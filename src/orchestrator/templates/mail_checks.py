"""What is wrong with one rendered mail, as its recipient would get it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrator.templates.document import UNSUBSCRIBE
from orchestrator.templates.faults import at_line

if TYPE_CHECKING:
    from orchestrator.problems import Problem
    from orchestrator.templates.mail import Rendered

ADDRESS = re.compile(r"\*\|(?:HTML:)?LIST[:_]ADDRESS(?:_HTML|_VCARD|LINE)?\|\*")
GMAIL_CLIPS_AT = 102 * 1024
LONGEST_SUBJECT = 150
NO_UNSUBSCRIBE = (
    "the unsubscribe link is missing",
    'Put <a href="*|UNSUB|*">Unsubscribe</a> into the template or its layout.',
)
NO_ADDRESS = (
    "the postal address is missing",
    "Put *|LIST:ADDRESS|* or *|HTML:LIST_ADDRESS_HTML|* into the template or its layout.",
)


def check_mail(rendered: Rendered) -> list[Problem]:
    """Problems of one rendered mail, as its recipient would get it."""
    skeleton = rendered.skeleton
    library = skeleton.library
    mail = rendered.preview()
    found: list[tuple[str, str, str]] = []
    if UNSUBSCRIBE not in mail.html:
        found.append((skeleton.template, *NO_UNSUBSCRIBE))
    if not ADDRESS.search(mail.html):
        found.append((skeleton.template, *NO_ADDRESS))
    size = len(mail.html.encode())
    if size > GMAIL_CLIPS_AT:
        found.append(
            (skeleton.template, f"the HTML has {size // 1024} kB", "Gmail clips mails above 102 kB: shorten it.")
        )
    if not mail.subject.strip():
        found.append(("subject", "the subject is empty for some recipient", "Give it a text that is always there."))
    if len(mail.subject) > LONGEST_SUBJECT:
        found.append(("subject", f"the subject has {len(mail.subject)} characters", "Keep it under 150."))
    folder = library.folder.name
    return [at_line(file, 0, message, hint, library.source_of, folder).problems[0] for file, message, hint in found]
