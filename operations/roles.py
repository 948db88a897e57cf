"""Make the roles of the platform's database: the application's, and the right to write, which a fence gives and takes.

It runs as the owner: when a database is new, every day, and after a change of the application's password. It adds what
is missing, and changes nothing else. A replica has the roles of its leader, and a restore in time those of its source;
a dump has none. The audit of PostgreSQL begins here too: its extension must exist before it is told what to log.

Exit codes: 0 the roles are as they should be (a replica's are); 1 failure (try again), 2 a wrong setting.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import psycopg
from psycopg import sql

from operations.environment import DatabaseAddress, Reader
from operations.exit_codes import SUCCESS
from operations.job import exit_code
from operations.log import say
from operations.retry import patiently
from operations.session import DatabaseUnreachableError
from recovery.naming import DATABASE_APPLICATION, DATABASE_USER, DATABASE_WRITERS

KEPT_CONNECTIONS = 20
"""The connections that the application cannot take: for the fence, the other jobs, and an engineer."""
AUDITED = "ddl,role"
"""The statements that the audit logs: changes of the schema and of roles. Those on rows contain health information."""
_SECONDS = 120.0
_OPTIONS = "-c statement_timeout=30000 -c default_transaction_read_only=off"
"""A leader that is closed has roles too."""
_LOCK = 4_202_611
"""Any number that no other program uses: of two runs at once, the second waits."""
_GRANTS = (
    "GRANT USAGE ON SCHEMA public TO {application}",
    "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {application}",
    "GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO {application}",
    "GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {writers}",
    "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {writers}",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public GRANT SELECT ON TABLES TO {application}",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public GRANT SELECT ON SEQUENCES TO {application}",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public GRANT INSERT, UPDATE, DELETE ON TABLES TO {writers}",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public GRANT USAGE ON SEQUENCES TO {writers}",
)
"""Tables that the owner makes later, by a migration or a restore, get the same rights."""

Connection = psycopg.Connection[tuple[object, ...]]


def settle(connection: Connection, password: str) -> None:
    """Create what is missing, and set the application's password.

    Closing a database takes the right to write away, so only a role that is created here gets it here.

    Raises:
        psycopg.Error: if the database refuses. Then nothing has changed.
    """
    names = {
        "application": sql.Identifier(DATABASE_APPLICATION),
        "writers": sql.Identifier(DATABASE_WRITERS),
        "owner": sql.Identifier(DATABASE_USER),
    }
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        _create(connection, DATABASE_WRITERS)
        if _create(connection, DATABASE_APPLICATION):
            connection.execute(sql.SQL("GRANT {writers} TO {application}").format(**names))
        for grant in _GRANTS:
            connection.execute(sql.SQL(grant).format(**names))
        _let_log_in(connection, password)
        _let_owner_end_sessions(connection)
        _audit(connection)


def _create(connection: Connection, role: str) -> bool:
    """Create a role if there is none. Returns whether there was none."""
    if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,)).fetchone() is not None:
        return False
    connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
    return True


def _let_log_in(connection: Connection, password: str) -> None:
    """Set the password and the most connections of the application."""
    row = connection.execute(
        "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
        " - current_setting('reserved_connections')::int"
    ).fetchone()
    connections = int(str(row[0])) - KEPT_CONNECTIONS if row else 0
    if connections < 1:
        raise DatabaseUnreachableError(f"the server needs more than {KEPT_CONNECTIONS} connections")
    # The server gets a verifier, so no log has the password. Source: libpq documentation, PQencryptPasswordConn.
    verifier = connection.pgconn.encrypt_password(password.encode(), DATABASE_APPLICATION.encode(), b"scram-sha-256")
    connection.execute(
        sql.SQL("ALTER ROLE {} LOGIN PASSWORD {} CONNECTION LIMIT {}").format(
            sql.Identifier(DATABASE_APPLICATION), sql.Literal(verifier.decode()), sql.Literal(connections)
        )
    )


def _let_owner_end_sessions(connection: Connection) -> None:
    """Let the owner end the application's sessions. RDS lets its master user do so; another server may not."""
    row = connection.execute("SELECT pg_has_role('pg_signal_backend', 'USAGE')").fetchone()
    if row != (True,):
        connection.execute(sql.SQL("GRANT pg_signal_backend TO {}").format(sql.Identifier(DATABASE_USER)))


def _audit(connection: Connection) -> None:
    """Create the extension of the audit, and tell it what to log, if neither was done.

    Source: pgaudit's README ("CREATE EXTENSION pgaudit must be called before pgaudit.log is set"), and the Amazon RDS
    User Guide, "Excluding users or databases from audit logging", for a setting of one database.
    """
    connection.execute("CREATE EXTENSION IF NOT EXISTS pgaudit")
    setting = f"pgaudit.log={AUDITED}"
    row = connection.execute(
        "SELECT true FROM pg_db_role_setting JOIN pg_database ON pg_database.oid = setdatabase"
        " WHERE setrole = 0 AND datname = current_database() AND %s = ANY (setconfig)",
        (setting,),
    ).fetchone()
    if row is None:
        name = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("ALTER DATABASE {} SET pgaudit.log = {}").format(name, sql.Literal(AUDITED)))


def _run(address: DatabaseAddress, password_file: Path) -> int:
    with patiently(
        lambda: psycopg.connect(address.conninfo(), autocommit=True, options=_OPTIONS), psycopg.OperationalError
    ) as connection:
        if connection.execute("SELECT pg_is_in_recovery()").fetchone() == (True,):
            say("a replica has the roles of its leader")
            return SUCCESS
        settle(connection, password_file.read_text().strip())
    say("roles settled", application=DATABASE_APPLICATION, writers=DATABASE_WRITERS)
    return SUCCESS


def main(environment: Mapping[str, str]) -> int:
    """Settle the roles once. Reads APPLICATION_PASSWORD_FILE besides the address of the database."""
    reader = Reader(environment)
    address, password_file = reader.address(), Path(reader.text("APPLICATION_PASSWORD_FILE"))
    reader.done()
    return exit_code("roles", lambda: _run(address, password_file), seconds=_SECONDS)
