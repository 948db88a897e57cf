"""The database that the platform finds in a new server, its owner, and its tables."""

from __future__ import annotations

from pathlib import Path

from psycopg import sql

from recovery.naming import DATABASE_NAME, DATABASE_USER
from rehearsal.world.server import Server

_SCHEMA = Path(__file__).with_name("schema.sql")


def create_database(server: Server) -> None:
    """Create the platform's database, without tables, and its owner with the rights of RDS's master user.

    The owner is no superuser. It may create roles and databases, and what `rds_superuser` may: see statistics, and end
    any session but a superuser's. Source: Amazon RDS User Guide, "Understanding the rds_superuser role".
    """
    owner = sql.Identifier(DATABASE_USER)
    with server.connect_as_admin() as connection:
        connection.execute("CREATE ROLE rds_superuser")
        connection.execute("GRANT pg_monitor, pg_signal_backend TO rds_superuser WITH ADMIN OPTION")
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN CREATEDB CREATEROLE PASSWORD {}").format(owner, sql.Literal(server.password))
        )
        connection.execute(sql.SQL("GRANT rds_superuser TO {}").format(owner))
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE_NAME), owner))


def load_schema(server: Server) -> None:
    """Create the platform's tables."""
    with server.connect() as connection:
        connection.execute(_SCHEMA.read_bytes())
