"""What stands in a condition that the language has no use for, character by character."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

INSTEAD = {
    "==": "Write = for equal.",
    "<>": "Write != for not equal.",
    ";": "A segment is one condition; join conditions with `and` or `or`.",
    "&": "Write `and`.",
    "|": "Write `or`.",
    "/": "There is no division; multiply the other side instead.",
    ".": "A number has a digit before its point: 0.5.",
    "%": "% stands inside a text, after `like`.",
    '"': "Texts stand in single quotes.",
    "`": "Field names stand without quotes.",
}

PARTS_OF_THE_LANGUAGE = "Write fields, 'texts', numbers, and or not, = != < <= > >=, + - *, and parentheses."
CURLY_QUOTES = "‘’‚‛“”„‟«»‹›´′″"  # as word processors write them
_ALLOWED = re.compile(r"[A-Za-z0-9_ \t\r\n'()=<>!+\-*.,]")


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """Something wrong at an offset of the text."""

    start: int
    width: int
    message: str
    hint: str = ""


def refuse_characters(text: str, faults: list[Fault]) -> str:
    """The text with comments and refused characters blanked out, offsets kept."""
    clean = list(text)
    position = 0
    while position < len(text):
        character = text[position]
        if character == "'":
            end = _string_end(text, position)
            if end is None:
                faults.append(
                    Fault(position, 1, "this quote is never closed", "A quote inside a text is written twice: 'it''s'.")
                )
                end = len(text)
                clean[position:end] = " " * (end - position)
            elif "\x00" in text[position:end]:
                faults.append(Fault(position, end - position, "this text holds a NUL character", "Remove it."))
            position = end
        elif text.startswith("--", position):
            end = text.find("\n", position)
            end = len(text) if end < 0 else end
            clean[position:end] = " " * (end - position)
            position = end
        elif _ALLOWED.fullmatch(character):
            position += 1
        else:
            fault, instead = _refused(text, position)
            faults.append(fault)
            clean[fault.start : fault.start + fault.width] = instead
            position = fault.start + fault.width
    return "".join(clean)


def _string_end(text: str, start: int) -> int | None:
    found = re.compile(r"'(?:[^']|'')*'").match(text, start)
    return found.end() if found else None


def _refused(text: str, start: int) -> tuple[Fault, str]:
    """The fault of a character outside the language, and what stands in for it while other words are looked at."""
    character = text[start]
    if character == '"' and (end := text.find('"', start + 1)) > 0:
        quoted = text[start + 1 : end]
        written = quoted.replace("'", "''")
        fault = Fault(
            start, end + 1 - start, f'"{quoted}" stands in double quotes', f"Write it in single quotes: '{written}'."
        )
        return fault, "'" + re.sub(r"[^\w ]", " ", quoted) + "'"
    if character in CURLY_QUOTES:
        inside = re.compile(rf"[^\n{CURLY_QUOTES}]*").match(text, start + 1)
        assert inside is not None
        end = inside.end()
        message = f"{character} (U+{ord(character):04X}) is a typographic quote"
        fault = Fault(start, end + 1 - start, message, "Texts stand in straight single quotes: 'text'.")
        if end < len(text) and text[end] in CURLY_QUOTES:
            return fault, "'" + re.sub(r"[^\w ]", " ", inside[0]) + "'"
        return Fault(start, 1, fault.message, fault.hint), " "
    if not character.isascii():
        end = start + 1
        if character.isalpha():  # the whole word: half of it would be reported as an unknown field
            while start and re.match(r"\w", text[start - 1]):
                start -= 1
            while end < len(text) and re.match(r"\w", text[end]):
                end += 1
        name = unicodedata.name(character, "a character without a name").lower()
        return Fault(
            start, end - start, f"{text[start:end]!r} is not part of the language: U+{ord(character):04X}, {name}",
            "Names are made of a to z, 0 to 9 and _; text of any kind stands in single quotes.",
        ), " " * (end - start)  # fmt: skip
    end = start
    while end < len(text) and text[end] == character:
        end += 1
    written = text[start:end]
    return Fault(
        start, end - start, f'"{written}" is not part of the language', INSTEAD.get(character, PARTS_OF_THE_LANGUAGE)
    ), " " * (end - start)
