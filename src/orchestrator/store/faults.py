"""What is the matter with the database when it refuses: the cause, and what a person does about it, in words.

SQLite says it by a code, PostgreSQL by a state; a server that cannot be reached has neither, only a sentence. What the
database itself says is quoted by its first line alone, because the others may hold a row.
"""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DBAPIError

_FULL = "The disk is full", "Make room on the disk of the database (and of temporary files)"
_READ_ONLY = "It can be read, but not written", "Make it writable for the user of this program"
_RESTORE = (
    "Move it aside with its -wal and -shm, put the latest backup in its place and run `campaigns import` and "
    "`campaigns plan`: what went out since the backup is learned from Mailchimp"
)
_DAMAGED = "The file is damaged", _RESTORE
_NO_DATABASE = (
    "The file is something else than a database",
    "If [database] url of config.toml names the wrong file, mend it; if the file was overwritten, put its backup there",
)
_LOCKED = (
    "Another program keeps it for itself",
    "End that program (a database browser, a copy, a backup that hangs), or wait until it is done",
)
_DISK = "The disk refuses to read or to write", "Look whether it is full, mounted and sound"
_NOT_OPENED = "The file cannot be opened", "Look at the path, and at the permissions of the file and of its folder"
_SQLITE = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _NO_DATABASE,
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_IOERR: _DISK,
    sqlite3.SQLITE_CANTOPEN: _NOT_OPENED,
}
_PRIMARY = 0xFF
"""the part of an SQLite code that names the kind; the rest says more"""

_LOGIN = "The server refuses the login", "Mend user and password in [database] url of config.toml"
_ABSENT = (
    "The server has no such database",
    "Create it, or mend its name in [database] url of config.toml",
)
_SILENT = "The server does not answer", "Start it, or mend host and port in [database] url of config.toml"
_NO_RIGHT = "The user may not do this", "Give it the rights of the database's owner"
_POSTGRES = {
    "25006": (
        "The server or the database is read-only",
        "Connect to the primary, or let it be written to",
    ),
    "53100": ("The disk of the server is full", "Make room there"),
    "53200": ("The server has no memory left", "Look at its memory and its settings"),
    "53300": ("The server has no connection left", "Raise its max_connections, or end other programs' connections"),
    "42501": _NO_RIGHT,
    "28P01": _LOGIN,
    "28000": _LOGIN,
    "3D000": _ABSENT,
    "57P01": ("The server ended the connection", "Look whether it is being restarted"),
    "57P03": ("The server is starting or stopping", "Wait until it is up"),
}
_SENTENCES = (
    # of libpq, while there is no connection yet that could tell a state
    ("password authentication failed", _LOGIN),
    ("no password supplied", _LOGIN),
    ("no pg_hba.conf entry", _LOGIN),
    ("role ", _LOGIN),
    ("does not exist", _ABSENT),
    ("too many clients", _POSTGRES["53300"]),
    ("starting up", _POSTGRES["57P03"]),
    ("shutting down", _POSTGRES["57P03"]),
    ("connection refused", _SILENT),
    ("no such file or directory", _SILENT),
    ("could not translate host name", _SILENT),
    ("failed to resolve host", _SILENT),
    ("timeout", _SILENT),
    ("closed the connection", _POSTGRES["57P01"]),
)


def in_words(fault: Exception) -> str:
    """Cause, what the database said, and the next step, without a row or a password."""
    origin = fault.orig if isinstance(fault, DBAPIError) and fault.orig is not None else fault
    lines = str(origin).splitlines()
    said = lines[0].rstrip(".: ") if lines else type(origin).__name__
    cause, step = _known(origin, str(origin).lower())
    return f"{cause} ({said}). {step}."


def _known(origin: BaseException, said: str) -> tuple[str, str]:
    if isinstance(origin, sqlite3.Error):
        code = getattr(origin, "sqlite_errorcode", None)
        found = _SQLITE.get(code & _PRIMARY) if code is not None else None
    else:
        found = _POSTGRES.get(getattr(origin, "sqlstate", None) or "")
        found = found or next((kind for words, kind in _SENTENCES if words in said), None)
    return found or ("It refused what was asked", "Look at [database] url of config.toml, at the server or the file")
