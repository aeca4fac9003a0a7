"""A whole installation for one test: a workspace, its data, a sandbox, and the real commands run on them.

    world = World(tmp_path, sandbox)
    world.segment("idle", "cart_items > 0 and hours_since_cart_change >= 4")
    world.campaign("reminder", segment="idle", template="cart", subject="Your cart", trigger='on = "manual"')
    world.template("cart", "<p>{{ contact.first_name }}</p>")
    world.contact("c1", first_name="Ada")
    world.load(MONDAY)
    world.cycle(MONDAY)

Commands run in this process, which is fast; ``process`` runs them as a person would, for tests that kill.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from orchestrator.cli.main import run
from orchestrator.engine import open_engine
from orchestrator.mailchimp.gateway import MailchimpGateway

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.engine import Engine
    from orchestrator.sandbox.mailbox import SentMail
    from orchestrator.sandbox.server import Sandbox

AUDIENCE = "9e67587f52"
KEY = "rehearsal-us1"
KEY_VARIABLE = "ORCHESTRATOR_TEST_KEY"
MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
"""ten in the morning in Stockholm; no holiday anywhere near"""
SOURCE = Path(__file__).resolve().parents[2] / "src"
COLUMNS = {
    "accounts": ("account_id", "name", "industry", "country"),
    "contacts": (
        *("contact_id", "account_id", "email", "first_name", "last_name", "language", "country", "timezone"),
        *("consent", "created_at"),
    ),
    "products": ("product_id", "name", "price"),
    "orders": ("order_id", "contact_id", "account_id", "placed_at", "status", "channel", "total"),
    "order_lines": ("order_id", "product_id", "quantity", "unit_price"),
    "carts": ("cart_id", "contact_id", "modified_at", "status", "url"),
    "cart_lines": ("cart_id", "product_id", "quantity", "unit_price"),
    "events": ("event_id", "contact_id", "kind", "at"),
}
KEYS = {"cart_lines": ("cart_id", "product_id"), "order_lines": ("order_id", "product_id")}
OURS = re.compile(r"co .*\d{8}t\d{6}z \d+$", re.IGNORECASE)
"""the title of what a run makes"""
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class World:
    """``settings``: TOML tables of config.toml after the head, such as ``[limits]``."""

    root: Path
    sandbox: Sandbox
    settings: str = ""
    database_url: str = "sqlite:///campaigns.db"
    rows: dict[str, dict[tuple[Any, ...], Row]] = field(default_factory=lambda: defaultdict(dict))
    """table -> key -> row: what the next import brings"""

    def __post_init__(self) -> None:
        for folder in ("segments", "campaigns", "templates"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        os.environ[KEY_VARIABLE] = KEY
        self.configure(self.settings)

    # -- files

    def configure(self, settings: str) -> None:
        """Write config.toml; ``settings`` replaces the tables of before."""
        self.settings = settings
        (self.root / "config.toml").write_text(
            f'timezone = "Europe/Stockholm"\n[database]\nurl = "{self.database_url}"\n'
            f'[mailchimp]\napi_key = "env:{KEY_VARIABLE}"\naudience = "{AUDIENCE}"\nfrom_name = "Shop"\n'
            f'reply_to = "hello@shop.example"\nbase_url = "{self.sandbox.base_url}"\n{settings}\n',
            encoding="utf-8",
        )

    def segment(self, name: str, where: str, more: str = "") -> None:
        """``more``: further lines of the file."""
        (self.root / "segments" / f"{name}.toml").write_text(f"where = '''\n{where}\n'''\n{more}\n", encoding="utf-8")

    def campaign(
        self,
        name: str,
        segment: str,
        template: str,
        subject: str = "Hello",
        trigger: str = 'on = "manual"',
        **more: Any,
    ) -> None:
        """``more``: further keys of the file; ``holdout`` is its share."""
        holdout = more.pop("holdout", None)
        keys = {"segment": segment, "template": template, "subject": subject, **more}
        lines = [f"{key} = {_toml(value)}" for key, value in keys.items()] + ["[trigger]", trigger]
        lines += [f"[holdout]\nshare = {holdout}"] if holdout is not None else []
        (self.root / "campaigns" / f"{name}.toml").write_text("\n".join(lines), encoding="utf-8")

    def template(self, name: str, body: str, ending: str = "html") -> None:
        """``body`` of an HTML page, or with another ending the whole file."""
        page = f'<!doctype html><html lang="en"><head><title>t</title></head><body>{body}{FOOTER}</body></html>'
        path = self.root / "templates" / f"{name}.{ending}"
        path.write_text(page if ending.endswith("html") else body, encoding="utf-8")

    # -- data

    def put(self, table: str, **row: Any) -> None:
        """A row of the next import; a row with the same key is changed."""
        key = tuple(row[name] for name in KEYS.get(table, COLUMNS[table][:1]))
        self.rows[table][key] = {**self.rows[table].get(key, {}), **row}

    def account(self, account_id: str, **row: Any) -> None:
        self.put("accounts", account_id=account_id, **{"name": account_id.title(), "country": "SE", **row})

    def contact(self, contact_id: str, **row: Any) -> None:
        """Somebody with consent in Sweden, unless ``row`` says otherwise."""
        usual = {"email": f"{contact_id}@shop.example", "country": "SE", "consent": "opted_in"}
        known = (contact_id,) in self.rows["contacts"]
        self.put("contacts", **{"contact_id": contact_id, **({} if known else usual), **row})

    def cart(self, contact_id: str, modified_at: datetime, lines: Iterable[tuple[str, int, str]], **row: Any) -> None:
        """``lines``: product, quantity, price."""
        cart_id = row.pop("cart_id", f"cart-{contact_id}")
        self.put(
            "carts",
            **{
                "cart_id": cart_id,
                "contact_id": contact_id,
                "modified_at": modified_at.isoformat(),
                "status": "open",
                "url": f"https://shop.example/cart/{contact_id}",
                **row,
            },
        )
        for product, quantity, price in lines:
            self.put("cart_lines", cart_id=cart_id, product_id=product, quantity=quantity, unit_price=price)

    def order(self, order_id: str, contact_id: str, placed_at: datetime, total: str, **row: Any) -> None:
        usual = {"status": "completed", "channel": "web", "total": total, "placed_at": placed_at.isoformat()}
        self.put("orders", **{"order_id": order_id, "contact_id": contact_id, **usual, **row})

    def write_export(self, *tables: str) -> Path:
        """The CSV files of everything, or of the ``tables`` named."""
        folder = self.root / "export"
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        for table in tables or COLUMNS:
            if not self.rows[table]:
                continue
            names = list(COLUMNS[table])
            for row in self.rows[table].values():
                names += [name for name in row if name not in names]
            with (folder / f"{table}.csv").open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, names)
                writer.writeheader()
                writer.writerows(self.rows[table].values())
        return folder

    def load(self, now: datetime, *tables: str) -> Result:
        """Import everything, or the ``tables`` named; every row is good."""
        folder = self.write_export(*tables)
        result = self.ok("import", "--csv", str(folder), "--json", now=now)
        assert result.json["rejects"] == []
        return result

    # -- commands

    def command(self, *arguments: str, now: datetime) -> Result:
        """Run `campaigns ARGUMENTS` in this process."""
        out, err = io.StringIO(), io.StringIO()
        opened: list[Engine] = []

        def opening(*given: Any, **named: Any) -> Engine:
            opened.append(open_engine(*given, **named))
            return opened[-1]

        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            mock.patch("orchestrator.engine.open_engine", opening),
        ):
            try:
                code = run(["-C", str(self.root), "--now", now.isoformat(), *arguments])
            finally:
                for engine in opened:
                    _end(engine)
        return Result(code, out.getvalue(), err.getvalue())

    def ok(self, *arguments: str, now: datetime) -> Result:
        """The same; it has to succeed."""
        result = self.command(*arguments, now=now)
        assert result.code == 0, f"{arguments}: exit {result.code}\n{result.out}\n{result.err}"
        return result

    def cycle(self, now: datetime, *, code: int = 0) -> Any:
        """`daemon --once`: its JSON answer."""
        result = self.command("daemon", "--once", "--json", now=now)
        assert result.code == code, f"exit {result.code}\n{result.out}\n{result.err}"
        return result.json

    def process(self, *arguments: str, now: datetime) -> subprocess.Popen[str]:
        """The command as its own process."""
        return subprocess.Popen(
            [sys.executable, "-m", "orchestrator", "-C", str(self.root), "--now", now.isoformat(), *arguments],
            env={**os.environ, "PYTHONPATH": str(SOURCE), KEY_VARIABLE: KEY},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    # -- what came of it

    def mails(self, campaign: str | None = None) -> list[SentMail]:
        """What was delivered, oldest first; of one campaign's runs, or all."""
        mails = [mail for mail in self.sandbox.deliveries() if not mail.test]
        return [mail for mail in mails if campaign is None or mail.campaign_title.startswith(f"co {campaign}-2")]

    def receivers(self, campaign: str | None = None) -> list[str]:
        """Contact ids of those mailed, sorted, each as often as it was mailed."""
        by_address = {row["email"].lower(): row["contact_id"] for row in self.rows["contacts"].values()}
        return sorted(by_address.get(mail.email.lower(), mail.email) for mail in self.mails(campaign))

    def decisions(self, run_name: str, now: datetime) -> dict[str, str]:
        """Contact -> decision of a run."""
        contacts = self.ok("runs", run_name, "--json", now=now).json["contacts"]
        return {one["contact_id"]: one["decision"] for one in contacts}

    def runs(self, now: datetime) -> list[Any]:
        found: list[Any] = self.ok("runs", "--json", now=now).json["runs"]
        return found

    def leftovers(self) -> list[str]:
        """Drafts and static segments of ours that nobody needs any more."""
        with self.sandbox.opened(writes=False) as (account, _):
            segments = [one.name for one in account.audiences[AUDIENCE].segments.values() if OURS.match(one.name)]
            drafts = [one.settings.get("title", "") for one in account.campaigns.values() if one.status == "save"]
        return segments + [f"draft {title}" for title in drafts if OURS.match(title)]


FOOTER = '<p><a href="*|UNSUB|*">Unsubscribe</a> *|LIST:COMPANY|* *|LIST:ADDRESS|*</p>'


def _toml(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _end(engine: Engine) -> None:
    """What the end of a process does: nothing stays open."""
    if isinstance(engine._gateway, MailchimpGateway):
        engine._gateway.close()
        engine._gateway._client._budget.close()
    engine.close()
