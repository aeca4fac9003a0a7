"""Answers for spreadsheets: CSV that opens rightly and in which no cell is ever a formula.

Names and other texts come from web forms and can begin with ``=``: a program that opens the file would compute it. Such
a text gets an apostrophe in front, which spreadsheets take for "this is text". Texts stand in quotes, so that programs
that split at semicolons do not split them; numbers stand without. The byte order mark says that it is UTF-8.
"""

from __future__ import annotations

import csv
import io
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

BEGINS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
MARK = "\ufeff"


def print_csv(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """The whole answer of a command."""
    written = io.StringIO()
    written.write(MARK)
    writer = csv.writer(written, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    writer.writerow(headings)
    writer.writerows([cell(value) for value in row] for row in rows)
    click.echo(written.getvalue(), nl=False)


def cell(value: object) -> str | int | float | Decimal:
    """A value as it stands in a cell: numbers as they are, anything else as text that computes nothing."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int() | float() | Decimal():
            return value
        case datetime():
            return f"{value:%Y-%m-%d %H:%M}"
        case _:
            text = str(value).replace("\0", "")
            return f"'{text}" if text.lstrip(" \u00a0").startswith(BEGINS_FORMULA) else text
