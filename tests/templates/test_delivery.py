"""Random templates, random contacts, any number of slots: merging a mailing gives each recipient the rendered mail.

The merge here is written from the facts alone and knows nothing of the product's own. It is done in two ways, because
whether Mailchimp escapes merge values in HTML is not documented: as they are, which has to give the rendered mail
character by character; and escaped, which has to read the same.
"""

from __future__ import annotations

import html
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings, strategies as st
from tests.templates.conftest import SETTINGS, page
from tests.templates.test_any_template import TRICKY, seen
from tests.templates.test_mailings import several

from orchestrator.audiences.payload import merge_value
from orchestrator.templates.mailings import compile_mailings
from orchestrator.templates.render import TemplateLibrary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.templates.mail import Rendered
    from orchestrator.templates.mailings import MailingPlan

SAFE_IN_TEXT = re.compile(r"[<>\x00-\x1f\x7f-\x9f]|\*\||\|\*")

# -- a small grammar of Jinja2: statements print expressions between words

NAMES = ["contact.a", "contact.b", "contact.n"]
FILTERS = ["", " | upper", " | trim", " | default('x', true)", " | money", " | string | length", " | replace('a', 'b')"]
WORDS = ["Hello ", " & co ", ", ", " × ", "'s ", "<br/>", "<b>!</b>", "&nbsp;", "\n", " – ", "", ". Bye", "* ", " |"]

names = st.sampled_from(NAMES)
# money is for numbers alone
filters = st.sampled_from([one for one in FILTERS if "money" not in one])
expressions = st.one_of(
    st.builds("{{{{ {}{} }}}}".format, names, filters),
    st.just("{{ contact.n | money }}"),
    st.builds("{{{{ {} ~ ' ' ~ {} }}}}".format, names, names),
    st.builds("{{{{ {} if contact.n > 2 else {} }}}}".format, names, names),
    st.builds("{{{{ bold({}) }}}}".format, names),
    st.just("{{ vars.coupon }}"),
)
words = st.sampled_from(WORDS)
links = st.builds(
    "<a href='https://shop.example/{}?q={}' title='{}'>x</a>".format,
    *[st.sampled_from(["{{ contact.a }}", "{{ contact.n }}", "p", "{% if contact.n > 2 %}q{% endif %}"])] * 3,
)
texts = st.one_of(words, expressions)


def bodies(leaves: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def grown(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        some = st.lists(parts, max_size=4).map("".join)
        return st.one_of(
            some.map(
                lambda inner: "{% for line in contact.lines %}" + inner + "{{ line.q }} × {{ line.a }}, {% endfor %}"
            ),
            some.map(lambda inner: "{% for line in contact.lines[:2] %}<p>" + inner + "{{ line.a }}</p>{% endfor %}"),
            st.builds("{{% if contact.n > 2 %}}{}{{% else %}}{}{{% endif %}}".format, some, some),
            st.builds("{{% if contact.a %}}{}{{% endif %}}".format, some),
            some.map(lambda inner: "{% set s %}" + inner + "{% endset %}{{ s }}"),
            some.map(lambda inner: "{% filter trim %}" + inner + "{% endfilter %}"),
            some.map(lambda inner: "{% call boxed() %}" + inner + "{% endcall %}"),
            some.map(lambda inner: "{% include 'part.html' %}" + inner),
        )

    return st.recursive(leaves, grown, max_leaves=10)


MACROS = "{% macro bold(v) %}<b>{{ v }}</b>{% endmacro %}{% macro boxed() %}<p>{{ caller() }}</p>{% endmacro %}"
body = st.lists(bodies(texts | links), max_size=5).map("".join)
subject = st.lists(bodies(texts), max_size=3).map("".join)
letters = st.characters(codec=None) | st.sampled_from("*|&<>;\"' ab")
value = st.one_of(st.sampled_from(["Ada", "Bo", "", "AT&T", *TRICKY]), st.text(letters, max_size=6))
line = st.fixed_dictionaries({"q": st.integers(1, 9), "a": value})
person = st.fixed_dictionaries({"a": value, "b": value, "n": st.integers(0, 5), "lines": st.lists(line, max_size=3)})


def merged(source: str, fields: dict[str, str], *, escape: bool) -> str:
    """What the provider makes of a source: each known tag by its value, nothing else."""
    found, at = [], 0
    while (start := source.find("*|", at)) >= 0:
        end = source.find("|*", start + 2)
        tag = source[start + 2 : end] if end >= 0 else ""
        if tag in fields:
            found += [source[at:start], html.escape(fields[tag]) if escape else fields[tag]]
            at = end + 2
        else:
            found.append(source[at : start + 2])
            at = start + 2
    return "".join([*found, source[at:]])


def assert_arrives(plan: MailingPlan, rendered: Sequence[Rendered], synced: dict[str, str]) -> None:
    left = {one.contact_key: one.preview() for one in rendered}
    for mailing in plan.mailings:
        for key, slots in mailing.recipients.items():
            mail = left.pop(key)
            fields = dict(slots) | {"FNAME": synced[key]}
            for field in slots.values():
                assert len(field.encode()) <= 255
                assert not SAFE_IN_TEXT.search(field)
            assert merged(mailing.subject, fields, escape=False) == mail.subject
            assert merged(mailing.preheader or "", fields, escape=False) == mail.preheader
            assert merged(mailing.text, fields, escape=False) == mail.text
            assert merged(mailing.html, fields, escape=False) == mail.html
            assert seen(merged(mailing.html, fields, escape=True)) == seen(mail.html)
    assert left == {}


@settings(deadline=None, max_examples=150)
@given(body, subject, st.lists(person, min_size=1, max_size=6), st.integers(0, 12), st.randoms(use_true_random=False))
def test_each_recipient_gets_the_rendered_mail(
    source: str, line: str, people: list[dict[str, Any]], slots: int, chance: Any
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "mail.html").write_text(MACROS + page(source), encoding="utf-8")
        Path(folder, "part.html").write_text("<i>{{ contact.b }}</i> and {{ contact.n }}", encoding="utf-8")
        line = re.sub(r"bold\((.*?)\)", r"\1", line).replace("{% include 'part.html' %}", "")
        line = re.sub(r"{% (end)?call.*?%}", "", line)
        library = TemplateLibrary(Path(folder), SETTINGS)
        rendered = several(library, people, subject=line, preheader=line, utm={"campaign": "c"})
        synced = {one.contact_key: merge_value(person["a"]) for one, person in zip(rendered, people, strict=True)}
        names = [f"CO_{number}" for number in range(1, slots + 1)]
        plan = compile_mailings(rendered, slots=names, synced={"FNAME": synced}, max_mailings=100)
        assert_arrives(plan, rendered, synced)
        assert all(set(mailing.slots) <= set(names) for mailing in plan.mailings)
        chance.shuffle(rendered)
        assert compile_mailings(rendered, slots=names, synced={"FNAME": synced}, max_mailings=100) == plan


def test_the_merge_of_this_test_is_the_one_of_the_facts() -> None:
    assert merged("*|FNAME|* *|UNSUB|* **|CO_1|*|*", {"FNAME": "A", "CO_1": "<"}, escape=True) == "A *|UNSUB|* *&lt;|*"
