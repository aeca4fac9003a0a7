"""Who may import whom. The arrows of the architecture, read from the imports themselves."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parent.parent / "src"
PACKAGE = SOURCE / "orchestrator"
READ_THE_TIME = {
    ("datetime", "now"),
    ("datetime", "today"),
    ("datetime", "utcnow"),
    ("date", "today"),
    ("time", "time"),
}

LAYERS: tuple[frozenset[str], ...] = tuple(
    frozenset(line.split())
    for line in (
        "__main__",
        "cli",  #                       options in, one call, text out
        "daemon demo",  #               ticks in, one call to a step of the cycle; a story told with the same steps
        "web",  #                       requests in, an answer out
        "previews",  #                  a mail to look at, on a page
        "health sending plan test_mail people",  # questions and acts of people, made of the cycle's steps
        "cycle explanation",  #         the steps in their order; why somebody did or did not get a mail
        "engine",  #                    wiring: the only one that opens the provider
        "check mailchimp rehearsal freshness starter",  # the whole workspace; the provider, real or pretended
        "campaigns reports",  #         who gets what, and a run's way through its states; what came of it
        "audiences",  #                 memberships become members and tags
        "templates",
        "segments",
        "contacts sources",
        "definitions store gateway",  # three kinds of contract: with marketers, with the database, with the provider
        "problems errors clock vocabulary scrub",
    )
)
"""From top to bottom: imports point downward or stay within a package. ``gateway`` is a contract of types alone."""
WITHIN_A_LINE = {
    ("health", "plan"), ("sending", "plan"), ("explanation", "cycle"),
    ("store", "gateway"), ("errors", "problems"), ("store", "definitions"),
    ("engine", "rehearsal"), ("demo", "daemon"),
}  # fmt: skip
"""neighbors that know each other, one way"""
ALONE = "sandbox"
"""written from Mailchimp's description, so that it cannot share our misunderstandings"""


def imports() -> list[tuple[str, str, Path]]:
    """(importing part, imported part or foreign package, file) of every import, those inside functions included."""
    found = []
    for file in sorted(PACKAGE.rglob("*.py")):
        part = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{file}: relative import"
                module = node.module or ""
                names = [f"{module}.{alias.name}" for alias in node.names] if module == "orchestrator" else [module]
            for name in names:
                words = name.split(".")
                found.append((part, words[1] if words[0] == "orchestrator" and len(words) > 1 else words[0], file))
    return found


OURS = {
    path.name.removesuffix(".py")
    for path in PACKAGE.iterdir()
    if path.suffix == ".py" or (path / "__init__.py").exists()
}
EDGES = sorted({(part, other) for part, other, _ in imports() if other in OURS and part != other})


def height(part: str) -> int:
    """0 at the top, less below; a part without a place is a test of its own."""
    return next((-number for number, layer in enumerate(LAYERS) if part in layer), 0)


def test_every_part_has_its_place() -> None:
    placed = frozenset().union(*LAYERS)
    assert OURS - {"__init__", ALONE} == placed


@pytest.mark.parametrize(("part", "other"), [edge for edge in EDGES if ALONE not in edge])
def test_imports_point_downward(part: str, other: str) -> None:
    if part == "__init__" or other == "__version__":
        return
    assert height(other) < height(part) or (part, other) in WITHIN_A_LINE, f"{part} imports {other}"


def test_the_sandbox_imports_nothing_of_ours_and_few_start_it() -> None:
    assert [other for part, other in EDGES if part == ALONE] == []
    # previews borrows its drawings
    assert {part for part, other in EDGES if other == ALONE} <= {"cli", "demo", "previews"}


def test_one_package_knows_mailchimps_client() -> None:
    assert {part for part, other, _ in imports() if other == "mailchimp_marketing"} == {"mailchimp"}


def test_only_the_engine_opens_the_provider_and_only_the_web_server_reads_its_webhooks() -> None:
    assert {part for part, other in EDGES if other == "mailchimp"} <= {"engine", "web"}


def test_only_the_command_line_prints() -> None:
    printing = [
        file.relative_to(PACKAGE)
        for file in PACKAGE.rglob("*.py")
        if "sandbox" not in file.parts
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert printing == []


def test_only_three_read_the_time() -> None:
    """Deciding code takes ``now``; what needs real seconds (lost calls, job times) says ``clock.real_seconds()``. The
    demo lets its story end today, and places for calls are compared with the times of files.
    """
    reading = {
        str(file.relative_to(PACKAGE))
        for file in PACKAGE.rglob("*.py")
        if "sandbox" not in file.parts
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        if (node.value.id, node.attr) in READ_THE_TIME
    }
    assert reading == {"clock.py", "demo/story.py", "mailchimp/slots.py"}
