"""Many rendered mails become the fewest mailings, and each recipient gets what the preview shows."""

from __future__ import annotations

import random
import time
import tracemalloc
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from tests.templates.conftest import FOOTER, context, mail, page

from orchestrator.templates.faults import TooManyMailings
from orchestrator.templates.mailings import MailingCompiler, MailingPlan, compile_mailings, merge
from orchestrator.templates.slots import CommonBeginning, cut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.templates.conftest import MakeLibrary

    from orchestrator.templates.mail import Rendered
    from orchestrator.templates.render import TemplateLibrary

SLOTS = tuple(f"CO_{number}" for number in range(1, 31))


def assert_delivers(plan: MailingPlan, rendered: Sequence[Rendered]) -> None:
    """Every recipient is in one mailing, whose merged parts are the preview, character by character."""
    previews = {one.contact_key: one.preview() for one in rendered}
    assert sorted(key for mailing in plan.mailings for key in mailing.recipients) == sorted(previews)
    for mailing in plan.mailings:
        for key, fields in mailing.recipients.items():
            preview = previews[key]
            assert set(fields) == set(mailing.slots)
            assert all(len(value.encode()) <= 255 for value in fields.values())
            assert merge(mailing.subject, fields) == preview.subject
            assert merge(mailing.preheader or "", fields) == (preview.preheader or "")
            assert merge(mailing.html, fields) == preview.html
            assert merge(mailing.text, fields) == preview.text


def several(library: TemplateLibrary, people: Sequence[dict[str, Any]], **settings: Any) -> list[Rendered]:
    return [mail(library, context(**person), key=f"{n:05}", **settings) for n, person in enumerate(people)]


def test_equal_values_are_inline_and_equal_columns_share_a_slot(library: MakeLibrary) -> None:
    body = page("{{ contact.first_name }} {{ contact.first_name | upper }} {{ account.name }} {{ contact.first_name }}")
    rendered = several(
        library(mail_html=body), [{"first_name": "Anna"}, {"first_name": "Bo"}], subject="{{ contact.first_name }}"
    )
    plan = compile_mailings(rendered, slots=SLOTS, max_mailings=5)
    (only,) = plan.mailings
    assert only.subject == "*|CO_1|*"
    assert "*|CO_1|* *|CO_2|* Acme *|CO_1|*" in only.html
    assert only.recipients["00001"] == {"CO_1": "Bo", "CO_2": "BO"}
    assert_delivers(plan, rendered)


def test_different_logic_makes_different_mailings(library: MakeLibrary) -> None:
    body = page("{% if contact.first_name == 'Anna' %}<p>Special</p>{% endif %}Hi {{ contact.first_name }}")
    rendered = several(library(mail_html=body), [{"first_name": name} for name in ("Anna", "Bo", "Cy", "Anna")])
    plan = compile_mailings(rendered, slots=SLOTS, max_mailings=5)
    assert [sorted(mailing.recipients) for mailing in plan.mailings] == [["00000", "00003"], ["00001", "00002"]]
    assert plan.mailings[0].slots == ()
    assert_delivers(plan, rendered)


def test_two_ways_to_the_same_text_share_a_mailing(library: MakeLibrary) -> None:
    body = page("{% if contact.vip %}a{{ contact.first_name }}{% else %}{{ 'a' }}{{ contact.last_name }}{% endif %}b")
    rendered = several(library(mail_html=body), [{"vip": True}, {"vip": False}])
    assert len(compile_mailings(rendered, slots=SLOTS, max_mailings=5).mailings) == 1


def test_a_long_value_spans_slots_and_is_cut_between_characters(library: MakeLibrary) -> None:
    rendered = several(
        library(mail_html=page("{{ contact.first_name }}")), [{"first_name": "å東🎁" * 100}, {"first_name": "short"}]
    )
    plan = compile_mailings(rendered, slots=SLOTS, max_mailings=5)
    assert plan.mailings[0].slots == ("CO_1", "CO_2", "CO_3", "CO_4")
    assert plan.mailings[0].recipients["00001"] == {"CO_1": "short", "CO_2": "", "CO_3": "", "CO_4": ""}
    assert_delivers(plan, rendered)


def test_pieces_of_a_cut_value_join_to_it_and_do_not_begin_or_end_with_a_space() -> None:
    value = "".join(random.Random(1).choice("ab åé東🎁") for _ in range(2000))
    pieces = cut(value)
    assert "".join(pieces) == value
    assert all(len(piece.encode()) <= 255 for piece in pieces)
    assert all(piece == piece.strip() for piece in pieces[1:-1])


def test_a_column_equal_to_a_synced_field_needs_no_slot(library: MakeLibrary) -> None:
    rendered = several(library(mail_html=page("{{ contact.first_name }}")), [{"first_name": "A"}, {"first_name": "B"}])
    synced = {"FNAME": {"00000": "A", "00001": "B"}}
    plan = compile_mailings(rendered, slots=(), synced=synced, max_mailings=5)
    assert plan.mailings[0].html.count("*|FNAME|*") == 1
    assert plan.mailings[0].recipients == {"00000": {}, "00001": {}}


def test_when_slots_run_out_common_ends_move_into_the_mailing(library: MakeLibrary) -> None:
    body = page("<a href='{{ contact.url }}'><img src='{{ contact.image }}'></a>")
    people = [{"url": f"https://x.example/p/{n}", "image": f"https://x.example/i/{n}.png"} for n in ("a1", "b2")]
    rendered = several(library(mail_html=body), people)
    plan = compile_mailings(rendered, slots=("CO_1",), max_mailings=1)
    assert "https://x.example/i/*|CO_1|*.png" in plan.mailings[0].html
    assert_delivers(plan, rendered)


def shared(*values: str) -> str:
    found = CommonBeginning()
    for value in values:
        found.look_at([value])
    together = CommonBeginning()
    together.look_at(values)
    assert together.text() == found.text()
    return found.text()


def test_common_beginnings_leave_no_space_at_the_edge_of_a_slot() -> None:
    assert shared("Pump 1 bar", "Pump 2 bar") == "Pump "
    assert shared("Pump 1", "Pump 22", "Pump  3") == "Pum"
    assert shared("Pump  1", "Pump  2", "Pump x") == "Pum"
    assert shared("a b", "a  c") == ""
    assert shared("aa", "a") == "a"


def test_when_slots_still_run_out_the_split_is_by_the_fewest_combinations(library: MakeLibrary) -> None:
    body = page("{{ contact.first_name }}<p>{{ contact.last_name }}</p>{{ contact.tier }}")
    people = [{"first_name": f"f{n}", "last_name": f"l{n * 7 % 40}x", "tier": f"t{n % 3}"} for n in range(40)]
    rendered = several(library(mail_html=body), people)
    plan = compile_mailings(rendered, slots=("CO_1", "CO_2"), max_mailings=5)
    assert len(plan.mailings) == 3
    assert_delivers(plan, rendered)


def test_the_plan_does_not_depend_on_the_order_of_the_input(library: MakeLibrary) -> None:
    body = page("{{ contact.first_name }}{% if contact.vip %}!{% endif %} {{ contact.last_name }}")
    people = [{"first_name": f"f{n % 4}", "last_name": f"l{n}", "vip": n % 2} for n in range(20)]
    rendered = several(library(mail_html=body), people)
    plan = compile_mailings(rendered, slots=("CO_1",), max_mailings=20)
    assert compile_mailings(rendered[::-1], slots=("CO_1",), max_mailings=20) == plan


def test_too_many_values_name_the_expression_that_causes_it(library: MakeLibrary) -> None:
    body = page("{{ contact.tier }}\n<p>\n{{ contact.first_name }}</p> {{ contact.last_name }}")
    people = [{"first_name": f"{n}f{n}", "last_name": f"{n}l{n}", "tier": n % 2} for n in range(30)]
    with pytest.raises(TooManyMailings) as caught:
        compile_mailings(several(library(mail_html=body), people), slots=("CO_1",), max_mailings=10)
    problem = caught.value.problems[0]
    assert (problem.file, problem.line) == ("templates/mail.html", 3)
    assert "3 slots and 1 are free" in problem.message
    assert "30 different values" in problem.message


def test_too_much_logic_names_the_value_or_the_text(library: MakeLibrary) -> None:
    people = [{"first_name": f"f{n}", "width": n} for n in range(10)]
    body = page("x\n<td width='{{ contact.width }}'>x</td>")
    with pytest.raises(TooManyMailings, match=r"mail\.html:2: .*differs 10 times") as caught:
        compile_mailings(several(library(mail_html=body), people), slots=SLOTS, max_mailings=5)
    assert "Print it as text" in caught.value.problems[0].hint
    body = page("a\n{% if contact.width == 1 %}\n<p>special</p>\n{% endif %}\n<p>rest</p>")
    with pytest.raises(TooManyMailings, match=r"mail\.html:3: .*conditions and loops"):
        compile_mailings(several(library(mail_html=body), people), slots=SLOTS, max_mailings=1)


def test_memory_does_not_grow_with_recipients(library: MakeLibrary) -> None:
    body = page("<p>{{ contact.first_name }}</p><p>{{ contact.last_name }}</p>")
    (one,) = several(library(mail_html=body), [{"first_name": "a", "last_name": "b"}])
    compiler = MailingCompiler()

    def add(first: int, last: int) -> int:
        for number in range(first, last):
            values = (f"{number:>060}", f"{number:>060}x")
            compiler.add(replace(one, contact_key=str(number), values=values), {})
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        early = add(0, 2_000)
        assert add(2_000, 14_000) - early < 100_000
        (only,) = compiler.plan(slots=SLOTS, max_mailings=1).mailings
        assert sum(1 for _ in only.recipients.rows()) == 14_000
        assert tracemalloc.get_traced_memory()[0] - early < 100_000
    finally:
        tracemalloc.stop()


def test_ten_thousand_recipients_with_carts_of_one_to_eight_lines_need_eight_mailings(
    library: MakeLibrary, capsys: pytest.CaptureFixture[str]
) -> None:
    source = """<mjml><mj-body><mj-section><mj-column>
    <mj-text>{{ contact.first_name }} {{ contact.last_name }}, {{ account.name }}, {{ account.rep }}</mj-text>
    {% for line in cart.lines %}
    <mj-text>{{ line.quantity }} × <b>{{ line.name }}</b> {{ line.total | money }}</mj-text>
    {% endfor %}
    <mj-button href="{{ cart.url }}">Cart</mj-button>
    <mj-text>FOOTER</mj-text></mj-column></mj-section></mj-body></mjml>""".replace("FOOTER", FOOTER)
    files = library(mail_mjml=source)
    chance = random.Random(5)

    def person(number: int) -> dict[str, Any]:
        lines = [
            {"quantity": chance.randint(1, 9), "name": f"Pump & <{chance.randint(1, 500)}>", "total": Decimal(number)}
            for _ in range(chance.randint(1, 8))
        ]
        return {
            "first_name": chance.choice(["Anna", "Åsa"]),
            "last_name": f"L{number}",
            "account": {"name": f"A{number // 3}", "rep": f"R{number % 7}"},
            "cart": {"lines": lines, "url": f"https://shop.example/{number}"},
        }

    people = [person(number) for number in range(10_000)]
    started = time.perf_counter()
    rendered = several(files, people, subject="{{ cart.lines | length }} items", utm={"campaign": "c"})
    plan = compile_mailings(rendered, slots=SLOTS, max_mailings=20)
    with capsys.disabled():
        print(f"\n{(time.perf_counter() - started) / 10:.3f} ms a recipient")  # noqa: T201
    assert len(plan.mailings) == 8
    assert_delivers(plan, rendered)
