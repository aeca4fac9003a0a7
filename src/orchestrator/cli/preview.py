"""`campaigns preview`: the exact mail that one contact would get, in the terminal, in a folder or on a local page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import click

from orchestrator.cli import output
from orchestrator.cli.options import Shared, answers_json, pass_shared, shared_options
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.engine import Engine
    from orchestrator.templates.mail import RenderedEmail


@click.command("preview")
@click.argument("campaign", required=False)
@click.option("--contact", metavar="ID", help="Contact id or address.")
@click.option("--all", "everyone", is_flag=True, help="Write every distinct mailing into the folder of --out.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the mail as files into this folder.")
@click.option("--open", "in_browser", is_flag=True, help="Show it in a browser, on a page that follows your edits.")
@click.option("--port", type=click.IntRange(0, 65_535), help="Of that page, on 127.0.0.1. Default: a free one.")
@answers_json
@shared_options
@pass_shared
def command(
    shared: Shared,
    campaign: str | None,
    contact: str | None,
    everyone: bool,
    out: Path | None,
    in_browser: bool,
    port: int | None,
) -> int:
    """Subject, preheader, HTML and text of CAMPAIGN for one contact, made the way they are sent.

    --open shows them at phone and desktop width, in light and dark colors, and steps through the real recipients.
    Files that you save are shown at once. Ctrl-C ends it.
    """
    from orchestrator.cli.names import campaign_named, contact_named

    engine = shared.engine()
    if campaign is not None:
        campaign_named(engine, campaign)
    if contact is not None:
        with engine.database.read() as connection:
            contact = contact_named(connection, contact).key
    if everyone:
        if campaign is None or contact is not None or out is None:
            raise UsageError("--all goes with a campaign and a folder: campaigns preview CAMPAIGN --all --out DIR")
        return _everyone(shared, engine, campaign, out, in_browser=in_browser)
    one_mail = campaign is not None and contact is not None
    # without a terminal there is nobody to press Ctrl-C: the mail itself is opened, not a page that waits
    if port is not None or (in_browser and out is None and (output.is_terminal() or not one_mail)):
        return _serve(engine, campaign, contact, port or 0, in_browser=in_browser)
    if campaign is None or contact is None:
        raise UsageError(
            "Say which mail: campaigns preview CAMPAIGN --contact ID. Or look at any of them: campaigns preview --open"
        )
    return _one(shared, engine, campaign, contact, out, in_browser=in_browser)


def _serve(engine: Engine, campaign: str | None, contact: str | None, port: int, *, in_browser: bool) -> int:
    from orchestrator.web.local import serve_previews

    page = "/previews"
    if campaign is not None:
        page += f"/{quote(campaign, safe='')}"
    if campaign is not None and contact is not None:
        page += f"?contact={quote(contact, safe='')}"

    def tell(address: str) -> None:
        output.line(f"Previews: {address}{page}")
        output.line("Files that you save are shown at once. Stop it with Ctrl-C.")
        if in_browser:
            click.launch(f"{address}{page}")

    serve_previews(engine, port, tell)
    return 0


def _everyone(shared: Shared, engine: Engine, campaign: str, out: Path, *, in_browser: bool) -> int:
    from orchestrator.cli.names import campaign_named
    from orchestrator.previews.every import write_every_mailing

    written = write_every_mailing(engine, campaign_named(engine, campaign), out)
    if shared.json:
        mailings = [
            {
                "number": one.number,
                "recipients": one.recipients,
                "contact_id": one.contact_key,
                "language": one.mail.language,
                "template": one.template,
                "subject": one.mail.subject,
                "html": str(out / one.html),
                "text": str(out / one.text),
            }
            for one in written
        ]
        output.document({"campaign": campaign, "mailings": mailings})
    elif not written:
        output.note(f"The segment of {campaign} has no member with consent: there is no mail to show.")
    else:
        rows = [(one.html, one.recipients, one.mail.language, one.mail.subject) for one in written]
        output.table(("file", "recipients", "language", "subject"), rows, right=(1,))
        output.note(f"Written to {out / 'index.html'}")
    if in_browser:
        click.launch(str(out / "index.html"))
    return 0


def _one(shared: Shared, engine: Engine, campaign: str, contact: str, out: Path | None, *, in_browser: bool) -> int:
    from orchestrator.campaigns.content import render
    from orchestrator.campaigns.library import template_library
    from orchestrator.campaigns.quality import findings
    from orchestrator.cli.names import campaign_named, contact_named
    from orchestrator.templates.quality import Gate

    definition = campaign_named(engine, campaign)
    with engine.database.read() as connection:
        person = contact_named(connection, contact)
    library = template_library(engine.workspace)
    rendered = render(engine.database, engine.workspace, library, definition, [person.id], now=engine.clock.now())
    gate = Gate()
    mail = next(gate.watching(rendered)).preview()
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
    output.warn_of_mails(findings(engine.database, definition, gate))
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
