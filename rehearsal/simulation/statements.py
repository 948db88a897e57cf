"""The statements of `operations.session`, as a server of the simulation answers them. Any other is an error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from psycopg import errors, sql

from operations.session import CREATE_CLOSING
from recovery.naming import DATABASE_APPLICATION, DATABASE_NAME, DATABASE_WRITERS
from rehearsal.simulation.contents import Backend, Closing
from rehearsal.simulation.server import Finish, Server

Row = tuple[object, ...]
Values = Sequence[Any]
Answer = Callable[[Server, Backend, Values], "Row | None"]
DEFAULTS = "defaults"
"""The lock on the defaults of a database. A statement that had to wait for it fails: it would change an old version."""


def run(server: Server, backend: Backend, statement: str, values: Values, finish: Finish) -> None:
    """Run one statement, and pass its row, or its error, to `finish`."""
    try:
        if statement in _LOCKING:
            name, answer = _LOCKING[statement]

            def granted(error: errors.Error | None, waited: bool) -> None:
                if error is None and waited and name == DEFAULTS:
                    error = errors.InternalError_("tuple concurrently updated")
                _finish(server, backend, answer if error is None else _fails(error), values, finish)

            server.lock(backend, name, granted)
        else:
            _finish(server, backend, _ANSWERS[statement], values, finish)
    except KeyError:
        raise AssertionError(f"the simulation does not know this statement: {statement}") from None


def _finish(server: Server, backend: Backend, answer: Answer, values: Values, finish: Finish) -> None:
    if backend.transaction is not None and backend.transaction.failed:
        finish(errors.InFailedSqlTransaction("current transaction is aborted"))
        return
    try:
        row = answer(server, backend, values)
    except errors.Error as error:
        if backend.transaction is not None:
            backend.transaction.failed = True
        finish(error)
    else:
        finish(row)


def _fails(error: errors.Error) -> Answer:
    def answer(_: Server, __: Backend, ___: Values) -> Row | None:
        raise error

    return answer


def _text(statement: sql.Composable) -> str:
    return statement.as_string(None)


def _one(read: Callable[[Server], object]) -> Answer:
    return lambda server, _, __: (read(server),)


def _if(read: Callable[[Server], object]) -> Answer:
    """A query that finds one row or none."""
    return lambda server, _, __: (True,) if read(server) else None


def _change(*changes: tuple[str, Any]) -> Answer:
    def answer(server: Server, backend: Backend, _: Values) -> Row | None:
        server.change(backend, *changes)
        return None

    return answer


def _defaults(server: Server, _: Backend, __: Values) -> Row | None:
    contents = server.contents
    if contents.setting is None:
        return None
    # pgaudit's own default is always there, so the row stays when the other one is reset.
    return contents.setting, f"pgaudit.log=ddl{',default_transaction_read_only=on' if contents.read_only else ''}"


def _alter(read_only: bool) -> Answer:
    def answer(server: Server, backend: Backend, _: Values) -> Row | None:
        assert backend.transaction is not None
        server.change(backend, ("read_only", read_only), ("setting", str(backend.transaction.number)))
        return None

    return answer


def _decide(server: Server, backend: Backend, values: Values) -> Row | None:
    closing = server.contents.closing or Closing(int(values[0]))
    closing = replace(closing, epoch=max(closing.epoch, int(values[0])))
    server.change(backend, ("closing", closing))
    return (closing.epoch,)


def _own_closing(server: Server, backend: Backend) -> Closing | None:
    """The note, as the session's own transaction sees it."""
    changes = backend.transaction.changes if backend.transaction else []
    own = [value for name, value in changes if name == "closing"]
    return own[-1] if own else server.contents.closing


def _forget_note(server: Server, backend: Backend, _: Values) -> Row | None:
    closing = _own_closing(server, backend)
    if closing is not None:
        server.change(backend, ("closing", replace(closing, at=None, setting=None)))
    return None


def _note_closing(server: Server, backend: Backend, values: Values) -> Row | None:
    closing, setting = _own_closing(server, backend), values[0]
    if closing is not None and closing.setting != setting:
        server.change(backend, ("closing", replace(closing, at=server.now(), setting=setting)))
    return None


def _closed_at(server: Server, _: Backend, values: Values) -> Row | None:
    closing = server.contents.closing
    return (closing.at,) if closing and values[0] is not None and closing.setting == values[0] else None


def _renew_lease(server: Server, backend: Backend, values: Values) -> Row | None:
    lease = server.now() - float(values[0])
    server.change(backend, ("lease", max(lease, server.contents.lease or lease)))
    return None


def _lease_age(server: Server, _: Backend, __: Values) -> Row | None:
    lease = server.contents.lease
    return None if lease is None else (server.now() - lease,)


def _emit(server: Server, _: Backend, __: Values) -> Row | None:
    server.emit_message()
    return (position(server.position),)


def _end_others(server: Server, backend: Backend, values: Values) -> Row | None:
    others = [other for other in server.backends if other is not backend and other.began <= values[0]]
    for other in others:
        server.ask_to_end(other)
    return (len(others),)


def _replayed(server: Server, _: Backend, values: Values) -> Row | None:
    return (server.position >= number(str(values[0])) if server.follows else False,)


def position(end: int) -> str:
    """A position in the write-ahead log, as PostgreSQL writes it."""
    return f"0/{end:X}"


def number(text: str) -> int:
    """The number of a position."""
    return int(text.partition("/")[2], 16)


_NAME, _WRITERS, _APPLICATION = map(sql.Identifier, (DATABASE_NAME, DATABASE_WRITERS, DATABASE_APPLICATION))
_ALTER = sql.SQL("ALTER DATABASE {} ").format(_NAME)
_MEMBERS = (_WRITERS, _APPLICATION)
_LOCKING: dict[str, tuple[str, Answer]] = {
    "INSERT INTO lifeline.closing (epoch) VALUES (%s) ON CONFLICT (one)"
    " DO UPDATE SET epoch = greatest(closing.epoch, excluded.epoch) RETURNING epoch": ("closing", _decide),
    _text(_ALTER + sql.SQL("SET default_transaction_read_only = on")): (DEFAULTS, _alter(read_only=True)),
    _text(_ALTER + sql.SQL("RESET default_transaction_read_only")): (DEFAULTS, _alter(read_only=False)),
    _text(sql.SQL("REVOKE {} FROM {}").format(*_MEMBERS)): ("members", _change(("may_write", False))),
    _text(sql.SQL("GRANT {} TO {}").format(*_MEMBERS)): ("members", _change(("may_write", True))),
}
"""Statements that wait for a lock, with its name."""
_ANSWERS: dict[str, Answer] = {
    "SELECT pg_is_in_recovery()": _one(lambda server: server.follows),
    "SELECT true FROM pg_roles WHERE rolname = %s": _one(lambda _: True),
    "SELECT true FROM pg_auth_members JOIN pg_roles AS role ON role.oid = roleid"
    " JOIN pg_roles AS application ON application.oid = member"
    " WHERE role.rolname = %s AND application.rolname = %s": _if(lambda server: server.contents.may_write),
    "SELECT pg_db_role_setting.xmin::text, array_to_string(setconfig, ',') FROM pg_db_role_setting"
    " JOIN pg_database ON pg_database.oid = setdatabase WHERE setrole = 0 AND datname = current_database()": _defaults,
    "CREATE SCHEMA IF NOT EXISTS lifeline": _change(),
    CREATE_CLOSING: _change(("has_closing", True)),
    "UPDATE lifeline.closing SET at = NULL, setting = NULL": _forget_note,
    "UPDATE lifeline.closing SET at = clock_timestamp(), setting = %s WHERE setting IS DISTINCT FROM %s": _note_closing,
    "SELECT to_regclass('lifeline.closing')": _one(
        lambda server: "lifeline.closing" if server.contents.has_closing else None
    ),
    "SELECT at FROM lifeline.closing WHERE setting = %s": _closed_at,
    "SELECT epoch FROM lifeline.closing": lambda server, _, __: (
        (server.contents.closing.epoch,) if server.contents.closing else None
    ),
    "CREATE TABLE IF NOT EXISTS lifeline.lease (one boolean PRIMARY KEY DEFAULT true CHECK (one),"
    " at timestamptz NOT NULL)": _change(("has_lease", True)),
    "INSERT INTO lifeline.lease (at) VALUES (clock_timestamp() - make_interval(secs => %s))"
    " ON CONFLICT (one) DO UPDATE SET at = greatest(lease.at, excluded.at)": _renew_lease,
    "SELECT to_regclass('lifeline.lease')": _one(
        lambda server: "lifeline.lease" if server.contents.has_lease else None
    ),
    "SELECT extract(epoch FROM clock_timestamp() - at) FROM lifeline.lease": _lease_age,
    "SELECT clock_timestamp()": _one(lambda server: server.now()),
    "SELECT pg_logical_emit_message(true, 'lifeline', 'position')::text": _emit,
    "SELECT pg_current_wal_lsn()::text": _one(lambda server: position(server.position)),
    "SELECT coalesce(pg_last_wal_replay_lsn() >= %s::pg_lsn, false)": _replayed,
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity JOIN pg_roles ON pg_roles.oid = usesysid"
    " WHERE datname = current_database() AND NOT rolsuper"
    " AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND backend_start <= %s": _end_others,
    "INSERT INTO users (id) VALUES (%s)": lambda server, backend, values: server.insert_row(backend, str(values[0])),
}
