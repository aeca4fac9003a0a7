"""README.md and its neighbors say what is so: commands run, printed answers come, tables, links and names are current.

Blocks marked ``sh`` are carried out line by line in a folder of their own. A ``text`` block below one holds lines that
the last command printed there, blanks aside.
"""

from __future__ import annotations

import ast
import re
import shlex
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from threading import Thread
from typing import IO, TYPE_CHECKING

import pytest
import requests
from tests.readme_tables import README, TABLES, names_in, rewritten

from orchestrator.cli.main import command_names, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REPOSITORY = README.parent
DOCUMENTS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")
SERVES = {"campaigns sandbox": "Inbox:", "campaigns daemon": "daemon started"}
"""commands that go on until they are stopped -> what they say when they are ready"""
PORT = "8025"
"""of the sandbox, in the README; the test takes a free one"""
PACKAGES = REPOSITORY / "src" / "orchestrator"

_BLOCK = re.compile(r"^```sh\n(.*?)^```\n(?:```text\n(.*?)^```\n)?", re.DOTALL | re.MULTILINE)
_HEREDOC = re.compile(r"<<'(\w+)'")


def text_of(document: str) -> str:
    return (REPOSITORY / document).read_text(encoding="utf-8")


def blocks() -> list[tuple[list[str], str]]:
    """The commands of each block, a here-document with the line that begins it, and the answer that is shown."""
    return [(list(_commands(script)), shown) for script, shown in _BLOCK.findall(text_of("README.md"))]


def _commands(script: str) -> Iterator[str]:
    lines = iter(script.splitlines())
    for line in lines:
        if begin := _HEREDOC.search(line):
            rest = [line]
            while rest[-1] != begin[1]:
                rest.append(next(lines))
            yield "\n".join(rest)
        elif line.strip():
            yield line


@dataclass
class Terminal:
    """Carries out the README's commands as its reader would."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    capture: pytest.CaptureFixture[str]
    port: str
    serving: list[subprocess.Popen[str]] = field(default_factory=list)

    def carry_out(self, line: str) -> str:
        """What the command says. Fails where it does."""
        words = shlex.split(line, comments=True) if "\n" not in line else []
        match words:
            case ["make", target]:
                return self._make(target)
            case [".", ".venv/bin/activate"] | ["eval", _]:
                return self._shell(f"bash -n -c {shlex.quote(line)}")
            case ["cd", folder]:
                self.folder /= folder
                self.monkeypatch.chdir(self.folder)
                return ""
            case ["campaigns", *_] if shlex.join(words) in SERVES:
                return self._serve(words)
            case ["campaigns", *arguments]:
                return self._campaigns(arguments)
            case _:
                return self._shell(line)

    def _campaigns(self, arguments: list[str]) -> str:
        """In this process: twenty commands start faster so."""
        self.capture.readouterr()
        code = run(arguments)
        said = self.capture.readouterr()
        assert code == 0, said.err
        return said.out + said.err

    def _make(self, target: str) -> str:
        """What `make` would do. Its environment is this one, and its tests are these; so only the demo is tried."""
        done = subprocess.run(["make", "-n", target], cwd=REPOSITORY, capture_output=True, text=True, check=True)
        if target == "demo":
            assert "/campaigns demo" in done.stdout
            self._campaigns(["demo", "--exit", "--port", "0", "--contacts", "60", str(self.folder / "demo")])
        return done.stdout

    def _serve(self, words: list[str]) -> str:
        options = ["--port", self.port] if words == ["campaigns", "sandbox"] else []
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "orchestrator", *words[1:], *options],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.serving.append(process)
        assert process.stdout is not None
        for said in process.stdout:
            if SERVES[shlex.join(words)] in said:
                Thread(target=_drain, args=(process.stdout,), daemon=True).start()
                return said.replace(self.port, PORT)
        pytest.fail(f"{shlex.join(words)} ended with {process.wait()} before it was ready")

    def _shell(self, line: str) -> str:
        done = subprocess.run(["bash", "-ec", line], cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        for settings in self.folder.glob("config.toml"):
            settings.write_text(settings.read_text().replace(f":{PORT}/", f":{self.port}/"))
        return done.stdout

    def stop(self) -> None:
        """Ctrl-C in every terminal. What served ends well."""
        for process in reversed(self.serving):
            process.terminate()
            assert process.wait(20) == 0, process.args


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Terminal]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY / "src"))
    monkeypatch.delenv("MAILCHIMP_API_KEY", raising=False)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    opened = Terminal(tmp_path, monkeypatch, capsys, port)
    try:
        yield opened
    finally:
        opened.stop()


def test_every_command_of_the_readme_does_what_is_printed_below_it(terminal: Terminal) -> None:
    for commands, shown in blocks():
        said = ""
        for command in commands:
            said = terminal.carry_out(command)
        for line in shown.splitlines():
            assert _squeezed(line) in _squeezed(said), f"{commands[-1]}\nprints\n{said}"
    inbox = requests.get(f"http://127.0.0.1:{terminal.port}/", timeout=10).text
    assert "Anna, your cart is saved" in inbox
    assert "Bernd, Ihr Warenkorb ist gespeichert" in inbox
    assert "carla@" not in inbox


def _drain(stream: IO[str]) -> None:
    """Read on, so that the process never waits for a reader; the end comes with the process."""
    with stream:
        stream.read()


def _squeezed(text: str) -> str:
    return " ".join(text.split())


def test_the_generated_tables_are_current() -> None:
    readme = text_of("README.md")
    assert sorted(names_in(readme)) == sorted(TABLES)
    assert readme == rewritten(readme), "Rewrite them: .venv/bin/python -m tests.readme_tables"


def test_every_command_is_mentioned_and_no_other() -> None:
    for document in DOCUMENTS:
        named = set(re.findall(r"`campaigns ([a-z]+[a-z-]*)", text_of(document)))
        assert named <= set(command_names()), document
    assert set(re.findall(r"campaigns ([a-z-]+)", text_of("README.md"))) >= set(command_names())


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    text = text_of(document)
    anchors = {_anchor(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("#"):
            assert target[1:] in anchors
        elif not target.startswith("https://"):
            assert (REPOSITORY / target.partition("#")[0]).exists(), target


def _anchor(heading: str) -> str:
    """As the site that shows the file makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_the_picture_of_the_inbox_is_light() -> None:
    assert (REPOSITORY / "docs" / "inbox.png").stat().st_size < 200_000


def test_the_architecture_names_every_package_and_module_of_the_top() -> None:
    text = text_of("ARCHITECTURE.md")
    there = {path.parent.name for path in PACKAGES.glob("*/__init__.py")}
    there |= {path.stem for path in PACKAGES.glob("*.py") if not path.stem.startswith("__")}
    assert {name for name in there if f"`{name}`" not in text} == set()


def test_the_architecture_names_nothing_that_is_not_there() -> None:
    for path in re.findall(r"`([a-z_]+(?:/[a-z_]+)*(?:\.py|/))`", text_of("ARCHITECTURE.md")):
        assert (PACKAGES / path).exists() or (REPOSITORY / path).exists(), path


def test_packages_import_only_what_stands_further_down_in_the_architecture() -> None:
    drawing = text_of("ARCHITECTURE.md").split("## Dependencies point down")[1].split("```")[1]
    height = {name: -row for row, line in enumerate(drawing.splitlines()) for name in line.split()}
    upwards = [
        f"{path.relative_to(PACKAGES)}: {there}"
        for path in PACKAGES.rglob("*.py")
        for there in _imported(path)
        if (here := _package(path)) in height and there != here and height[there] >= height[here]
    ]
    assert upwards == []


def test_one_package_knows_the_provider_and_the_sandbox_knows_nothing_of_ours() -> None:
    imports = {path: _imported(path) for path in PACKAGES.rglob("*.py")}
    assert {_package(path) for path, there in imports.items() if "mailchimp" in there} <= {"mailchimp", "engine", "web"}
    users = {_package(path) for path, there in imports.items() if "sandbox" in there}
    assert users <= {"sandbox", "cli", "demo", "previews"}
    assert {there for path, found in imports.items() if _package(path) == "sandbox" for there in found} <= {"sandbox"}


def _package(path: Path) -> str:
    return path.relative_to(PACKAGES).parts[0].removesuffix(".py")


def _imported(path: Path) -> set[str]:
    """Our packages that a module imports, for its types too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "orchestrator":
            words = [*node.module.split(".")[1:], *(one.name for one in node.names)]
            found.add(words[0])
    return found - {"__version__"}
