"""The database that the platform finds in a new server, its owner, and its tables."""

from __future__ import annotations

from pathlib import Path

from psycopg import sql

from recovery.naming import DATABASE_NAME, DATABASE_USER
from rehearsal.world.server import Server

_SCHEMA = Path(__file__).with_name("schema.sql")
_AUDIT = {
    "pgaudit.control": "comment = 'stands in for the audit'\ndefault_version = '1'\ntrusted = true\n",
    "pgaudit--1.sql": "-- RDS brings the real one.\n",
}
"""The files of an extension with the name of the one that RDS brings."""


def extensions(home: Path) -> dict[str, str]:
    """The settings with which a server finds the extension of the audit, whose files this writes into a folder."""
    folder = home / "extension"
    if not folder.exists():
        folder.mkdir()
        for name, text in _AUDIT.items():
            (folder / name).write_text(text)
    return {"extension_control_path": f"$system:{home}"}


def create_database(server: Server) -> None:
    """Create the platform's database, without tables, and its owner with the rights of RDS's master user.

    The owner is no superuser. It may create roles and databases, and what `rds_superuser` may: see statistics, end any
    session but a superuser's, and set what the audit logs. Source: Amazon RDS User Guide, "Understanding the
    rds_superuser role".
    """
    owner = sql.Identifier(DATABASE_USER)
    with server.connect_as_admin() as connection:
        connection.execute("CREATE ROLE rds_superuser")
        connection.execute("GRANT pg_monitor, pg_signal_backend TO rds_superuser WITH ADMIN OPTION")
        connection.execute("GRANT SET ON PARAMETER pgaudit.log TO rds_superuser")
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN CREATEDB CREATEROLE PASSWORD {}").format(owner, sql.Literal(server.password))
        )
        connection.execute(sql.SQL("GRANT rds_superuser TO {}").format(owner))
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE_NAME), owner))


def load_schema(server: Server) -> None:
    """Create the platform's tables."""
    with server.connect() as connection:
        connection.execute(_SCHEMA.read_bytes())


def change_password(server: Server, password: str) -> None:
    """Change the password of the owner."""
    change = sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(DATABASE_USER), sql.Literal(password))
    with server.connect_as_admin() as connection:
        connection.execute(change)
