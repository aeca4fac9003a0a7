"""What a fault of a template means, and what to do about it: an exception in, two sentences for a marketer out."""

from __future__ import annotations

import re
from decimal import InvalidOperation

from jinja2 import TemplateNotFound, TemplatesNotFound
from jinja2.exceptions import FilterArgumentError, SecurityError

from orchestrator.templates.printed import FunctionPrinted
from orchestrator.templates.work import TooMuchWork

SYNTAX = "Jinja2: {{ value }}, {% if … %} … {% endif %}, {% for … %} … {% endfor %}."
_FILE_NAMES = "File names are relative to the templates folder."
_LOOK = "Look at the values in this line; `campaigns preview CAMPAIGN --contact ID` shows one reader's mail."
_USE = {
    "money": "Write {{ 12.5 | money }} or {{ 12.5 | money('SEK') }}; it takes numbers.",
    "number": "Write {{ 12.5 | number }}, or {{ 12.5 | number(2) }} for two decimals; it takes numbers.",
    "date": "Write {{ now | date }} or {{ now | date('d MMMM') }}; it takes dates.",
    "datetime": "Write {{ now | datetime }} or {{ now | datetime('short') }}; it takes dates.",
    "utm": "Write {{ link | utm }}; it takes nothing else.",
    "days": "Write {{ (now + days(3)) | date }}.",
    "hours": "Write {{ (now + hours(4)) | datetime }}.",
}
_ARGUMENTS = re.compile(r"(?:\w+\.)?(?:do_|sync_do_|_)?(\w+)\(\) (?:takes|got|missing)\b")
_NOTHING = "'NoneType'"


class UnreadableTemplate(TemplateNotFound):
    """The name is taken by something that is no template; the message says by what."""


def remedy(error: Exception) -> tuple[str, str]:
    """What happened, and what to do now."""
    if isinstance(error, (TooMuchWork, FunctionPrinted)):
        return str(error), error.hint
    if isinstance(error, TemplatesNotFound):
        names = ", ".join(f'"{name}"' for name in error.templates)
        return f"none of the template files {names} exists", "Add the last one: it serves everybody else."
    if isinstance(error, UnreadableTemplate):
        return str(error), "Save it as UTF-8 in your editor, or give it another name."
    if isinstance(error, TemplateNotFound):
        message = f'the template file "{error.name}" does not exist' if error.name else str(error)
        return message, _FILE_NAMES
    if isinstance(error, RecursionError):
        return "the template includes or calls itself without an end", "Break the circle."
    if isinstance(error, (SyntaxError, MemoryError)):
        return "the template is nested too deeply", "Move an inner part into a file of its own and include it."
    if isinstance(error, SecurityError):
        return str(error), "A template reaches contact, account, cart, orders, vars, their names, and filters."
    return _of_a_value(error)


def _of_a_value(error: Exception) -> tuple[str, str]:
    text = str(error) or type(error).__name__
    if isinstance(error, FilterArgumentError):
        return text, _USE.get(text.partition(":")[0], _LOOK)
    if isinstance(error, (ZeroDivisionError, InvalidOperation)):
        return "division by zero", "Test the divisor first: {{ a / b if b else '' }}."
    if isinstance(error, OverflowError) and "MAX_RANGE" in text:
        return "range has more than 100,000 numbers", "Loop over what the reader has, as {% for line in cart.lines %}."
    if isinstance(error, TypeError):
        return _of_a_type(text)
    return text, _LOOK


def _of_a_type(text: str) -> tuple[str, str]:
    called = _ARGUMENTS.search(text)
    if called:
        name = called.group(1)
        what = text[called.end(1) + 3 :].replace("positional ", "")
        return f"{name} {what}", _USE.get(name, f"Look {name} up among the filters of Jinja2.")
    if _NOTHING in text:
        hint = "Give it another: (VALUE or 0), or test it first: {% if VALUE is not none %} … {% endif %}."
        return "a value that is needed here is unknown (null) for this reader", hint
    if "concatenate" in text or ("for +" in text and "'str'" in text):
        return text, "Join texts and numbers with ~ instead of +: {{ 'No. ' ~ 5 }}."
    return text, _LOOK
