"""The list of the contract's sentences names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent


def test_every_promise_names_tests_that_exist() -> None:
    text = (HERE.parent.parent / "docs" / "promises.md").read_text(encoding="utf-8")
    promises = text.split("\n## ")[1:-1]
    assert [promise[0] for promise in promises] == list("12345678")
    for promise in promises:
        named = re.findall(r"`([a-z_]+/[a-z_/]+\.py)(?:::(test_[a-z0-9_]+))?`", promise)
        named = [(file, test) for file, test in named if not file.startswith("benchmarks/")]
        assert named, promise
        for file, test in named:
            source = (HERE.parent / file).read_text(encoding="utf-8")
            assert f"def {test}(" in source if test else "def test_" in source, f"{file}::{test}"


def test_every_sentence_names_a_test_that_exists_or_says_what_is_missing() -> None:
    rows = [line for line in (HERE / "sentences.md").read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    for row in rows[2:]:
        shown_by = row.rstrip(" |").rpartition(" | ")[2]
        if shown_by.startswith("not built: "):
            continue
        named = re.findall(r"`([a-z_/]+\.py)(?:::(test_[a-z0-9_]+))?`", shown_by)
        assert named, row
        for file, test in named:
            source = (HERE.parent / file).read_text(encoding="utf-8")
            assert f"def {test}(" in source if test else "def test_" in source, f"{file}::{test}"
