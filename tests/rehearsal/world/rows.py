"""The users in a real database, as its owner sees them."""

from __future__ import annotations

from rehearsal.world.server import Server


def add_user(server: Server, user: str) -> None:
    with server.connect() as connection:
        connection.execute("INSERT INTO users (id) VALUES (%s)", [user])


def users(server: Server) -> list[str]:
    with server.connect() as connection:
        return [row[0] for row in connection.execute("SELECT id FROM users ORDER BY id").fetchall()]
