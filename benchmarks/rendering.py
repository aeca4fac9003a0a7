"""Personal mails to mailings, beside Jinja2 alone: how long, how many campaigns, how much memory.

    python -m benchmarks.rendering [--mails 100000]

Jinja2 alone renders the same template to its HTML (or MJML) for the same contact, and throws it away. Ours renders
subject, preheader, HTML and plain text, makes every value safe, packs all mails into mailings, and reads each
recipient's slots as they would be written. The two take turns, 500 contacts each. Seconds are those of the processor,
so that other programs do not count; contacts are made up as they are needed, which does not count either. Memory: the
process's peak after a tenth of the mails, and in the end.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from orchestrator.definitions.workspace import read_workspace
from orchestrator.templates.mailings import MailingCompiler
from orchestrator.templates.render import TemplateLibrary, TemplateSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jinja2 import Template

    from orchestrator.templates.mailings import MailingPlan

ROOT = Path(__file__).resolve().parent.parent
NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
PAGE = 500
FREE_SLOTS = [f"CO_{number}" for number in range(1, 27)]
"""30 merge fields of a standard audience, less FNAME, LNAME, ADDRESS and PHONE"""
LIMIT = 1.5
CART = """<mjml><mj-body><mj-section><mj-column>
<mj-text>{{ contact.first_name }} {{ contact.last_name }}, {{ account.name }}</mj-text>
<mj-text>Your contact: {{ account.sales_rep }}</mj-text>
{% for line in cart.lines %}
<mj-text>{{ line.quantity }} × {{ line.name }}</mj-text><mj-text align="right">{{ line.total | money }}</mj-text>
{% endfor %}
<mj-button href="{{ cart.url }}">To the cart</mj-button>
<mj-text><a href="*|UNSUB|*">Unsubscribe</a> *|LIST:ADDRESS|*</mj-text>
</mj-column></mj-section></mj-body></mjml>"""


def person(number: int) -> dict[str, Any]:
    """Everything that a template may ask of contact ``number``; carts of one to eight lines."""
    chance = random.Random(number)
    lines: list[dict[str, Any]] = []
    for _ in range(chance.randint(1, 8)):
        product, quantity = chance.randint(1, 5_000), chance.randint(1, 40)
        price = Decimal(chance.randint(100, 99_999)).scaleb(-2)
        lines.append(
            {
                "product_id": f"P-{product}",
                "name": f"Hydraulic pump {product} bar",
                "category": "Pumps",
                "brand": f"Brand {product % 40}",
                "url": f"https://shop.nordicsupply.example/p/P-{product}",
                "image_url": f"https://shop.nordicsupply.example/img/P-{product}.jpg",
                "quantity": quantity,
                "unit_price": price,
                "total": price * quantity,
            }
        )
    return {
        "contact": {
            "first_name": chance.choice(("Anna", "Bo", "Åsa", "")),
            "last_name": f"L{number}",
            "language": "en",
        },
        "account": {"name": f"Company {number // 3}", "industry": "food", "sales_rep": f"Rep {number % 7}"},
        "cart": {
            "lines": lines,
            "total": sum((line["total"] for line in lines), Decimal(0)),
            "url": f"https://shop.nordicsupply.example/cart/{number}",
        },
        "orders": [],
        "now": NOW,
    }


class Bench:
    """One template, rendered in both ways."""

    def __init__(self, folder: Path, template: str, subject: str, preheader: str | None, more: dict[str, Any]) -> None:
        self._library = TemplateLibrary(
            folder, TemplateSettings("en", "EUR", ZoneInfo("Europe/Stockholm"), ("nordicsupply.example",))
        )
        self._subject, self._preheader, self._more, self._name = subject, preheader, more, template
        self._plain = self._jinja(folder, template)
        self._compiler = MailingCompiler(("FNAME",))
        self.alone = self.ours = 0.0

    def run(self, mails: int) -> tuple[MailingPlan, int, int]:
        """The mailings; peak memory in kB after a tenth of the mails, and in the end."""
        early = 0
        for start in range(0, mails, PAGE):
            page = [(number, person(number) | self._more) for number in range(start, min(start + PAGE, mails))]
            began = time.process_time()
            for _, context in page:
                self._plain.render(context)
            between = time.process_time()
            with self._library.steady():
                for number, context in page:
                    self._one(number, context)
            self.alone += between - began
            self.ours += time.process_time() - between
            if not early and start + PAGE >= mails // 10:
                early = peak()
        began = time.process_time()
        plan = self._compiler.plan(slots=FREE_SLOTS, max_mailings=100)
        assert sum(1 for _ in self._slots(plan)) == mails
        self.ours += time.process_time() - began
        return plan, early, peak()

    def _one(self, number: int, context: dict[str, Any]) -> None:
        rendered = self._library.render(
            self._name,
            subject=self._subject,
            preheader=self._preheader,
            context=context,
            language="en",
            utm={"campaign": "benchmark"},
            key=str(number),
        )
        self._compiler.add(rendered, {"FNAME": context["contact"]["first_name"]})

    def _slots(self, plan: MailingPlan) -> Iterator[dict[str, str]]:
        for mailing in plan.mailings:
            for _, slots, _ in mailing.recipients.rows():
                yield slots

    def _jinja(self, folder: Path, template: str) -> Template:
        ours = self._library.environment("en")
        plain = Environment(
            loader=FileSystemLoader(folder),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
        )
        plain.filters |= {name: ours.filters[name] for name in ("money", "number", "date", "datetime", "utm")}
        plain.globals |= {name: ours.globals[name] for name in ("days", "hours")}
        return plain.get_template(f"{template}.mjml")


def peak() -> int:
    kilobytes: int = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes


def main() -> int:
    """Both templates in one table; 1 where ours takes more than LIMIT times Jinja2's time, or memory grows."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--mails", type=int, default=100_000)
    mails = options.parse_args().mails
    workspace, _ = read_workspace(ROOT)
    assert workspace is not None
    starter = workspace.campaigns["abandoned-cart"]
    named = {"segment": "segment", "campaign": "campaign"}
    head = ("template", "mails", "mailings", "slots", "Jinja2 s", "ours s", "ratio", "ms each", "early MB", "peak MB")
    print(("{:<24}" + "{:>10}" * 9).format(*head))
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "cart.mjml").write_text(CART, encoding="utf-8")
        for name, bench in (
            ("five values and a cart", Bench(Path(folder), "cart", "{{ cart.lines | length }} items", None, named)),
            (
                "starter: abandoned-cart",
                Bench(
                    ROOT / "templates",
                    starter.template,
                    starter.subject,
                    starter.preheader,
                    named | {"vars": starter.vars},
                ),
            ),
        ):
            plan, early, late = bench.run(mails)
            ratio = bench.ours / bench.alone
            slots = max(len(mailing.slots) for mailing in plan.mailings)
            print(
                f"{name:<24}{mails:>10,}{len(plan.mailings):>10}{slots:>10}{bench.alone:>10.1f}{bench.ours:>10.1f}"
                f"{ratio:>10.2f}{bench.ours / mails * 1000:>10.3f}{early / 1024:>10.0f}{late / 1024:>10.0f}"
            )
            failed |= ratio > LIMIT or late > early * 1.1
    return failed


if __name__ == "__main__":
    sys.exit(main())
