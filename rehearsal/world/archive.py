"""Backups of servers: a base backup, and the archived log since then."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from rehearsal.world import binaries
from rehearsal.world.binaries import Account, PostgresError
from rehearsal.world.server import ADMIN_ENVIRONMENT, Server

LATEST = "latest"
_PATIENCE_SECONDS = 20.0


class Archive:
    """Base backups and logs of a rehearsal's servers, by the server's name.

    Args:
        home: the folder for them.
        programs: the folder of PostgreSQL's programs.
        account: the user that owns the files.
    """

    def __init__(self, home: Path, programs: Path, account: Account) -> None:
        self._home = home
        self._programs = programs
        self._account = account
        self._recoveries: dict[str, dict[str, str]] = {}

    def settings(self, name: str) -> dict[str, str]:
        """Settings that make a server archive its log and, if it was restored, recover from its source's log."""
        log = self._log(name)
        if not log.exists():
            log.mkdir()
            self._account.own(log)
        return {"archive_mode": "on", "archive_command": f"cp %p {log}/%f", **self._recoveries.get(name, {})}

    def back_up(self, server: Server) -> None:
        """Take a base backup of a running server.

        Raises:
            PostgresError: if it does not run.
        """
        shutil.rmtree(self._copy(server.name), ignore_errors=True)
        command = [
            *(self._programs / "pg_basebackup", "-D", self._copy(server.name), *server.admin_arguments),
            *("-X", "none", "-c", "fast", "--no-sync"),
        ]
        binaries.run(command, self._account, ADMIN_ENVIRONMENT)

    def unpack(self, name: str, data: Path, source: str, moment: str) -> None:
        """Prepare a data folder so that its server starts as another server was at a time in UTC, or at the latest.

        Raises:
            PostgresError: if there is no base backup.
        """
        if not self._copy(source).exists():
            raise PostgresError(f"{source} has no backup to restore")
        binaries.run(["cp", "-a", self._copy(source), data], self._account)
        binaries.run(["touch", data / "recovery.signal"], self._account)
        # PostgreSQL does not know names of time zones when it reads this setting.
        target = {} if moment == LATEST else {"recovery_target_time": moment.replace("Z", "+00")}
        self._recoveries[name] = {
            "restore_command": f"cp {self._log(source)}/%f %p",
            "recovery_target_action": "promote",
            **target,
        }

    def complete(self, server: Server) -> None:
        """Wait until a running server has archived its whole log, which RDS does every five minutes.

        Raises:
            PostgresError: if it does not in time.
        """
        server.text("SELECT pg_create_restore_point('complete')")  # PostgreSQL does not switch an empty segment
        segment = server.text("SELECT pg_walfile_name(pg_switch_wal())")
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not (self._log(server.name) / segment).exists():
            if time.monotonic() > deadline:
                raise PostgresError(f"{server.name} does not archive its log")
            time.sleep(0.05)

    def _copy(self, name: str) -> Path:
        return self._home / f"{name}-copy"

    def _log(self, name: str) -> Path:
        return self._home / f"{name}-log"
