"""`campaigns preview`: the exact mail that one contact would get."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli import output
from orchestrator.cli.options import Shared, answers_json, pass_shared, shared_options
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.templates.mail import RenderedEmail


@click.command("preview")
@click.argument("campaign")
@click.option("--contact", required=True, metavar="ID", help="Contact id or address.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the mail as files into this folder.")
@click.option("--open", "in_browser", is_flag=True, help="Show the HTML in a browser.")
@answers_json
@shared_options
@pass_shared
def command(shared: Shared, campaign: str, contact: str, out: Path | None, in_browser: bool) -> int:
    """Subject, preheader, HTML and text of CAMPAIGN for one contact, made the way they are sent."""
    from orchestrator.campaigns.content import render, template_library
    from orchestrator.cli.names import campaign_named, contact_named

    engine = shared.engine()
    definition = campaign_named(engine, campaign)
    with engine.database.read() as connection:
        person = contact_named(connection, contact)
    library = template_library(engine.workspace)
    rendered = render(engine.database, engine.workspace, library, definition, [person.id], now=engine.clock.now())
    mail = next(iter(rendered)).preview()
    if out is not None or in_browser:
        page = _write(mail, out or Path(click.get_app_dir("campaigns")) / "preview", f"{campaign}-{person.key}")
        output.note(f"Written to {page}")
        if in_browser:
            click.launch(str(page))
    if shared.json:
        output.document(
            {
                "subject": mail.subject,
                "preheader": mail.preheader or "",
                "html": mail.html,
                "text": mail.text,
                "language": mail.language,
            }
        )
    elif out is None and not in_browser:
        output.line(f"Subject:   {mail.subject}")
        output.line(f"Preheader: {mail.preheader or ''}")
        output.line(f"Language:  {mail.language}")
        output.line()
        output.line(mail.text)
        output.note(f"HTML of {len(mail.html.encode()) / 1000:.0f} kB: --open shows it, --out DIR writes it.")
    return 0


def _write(mail: RenderedEmail, folder: Path, name: str) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise UsageError(f"--out {folder}: the folder cannot be made: {fault.strerror}. Name another one.") from None
    safe = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)
    (folder / f"{safe}.txt").write_text(f"{mail.subject}\n{mail.preheader or ''}\n\n{mail.text}\n", encoding="utf-8")
    page = folder / f"{safe}.html"
    page.write_text(mail.html, encoding="utf-8")
    return page
