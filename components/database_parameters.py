"""The settings of PostgreSQL, equal at both sites. Pure: no Pulumi."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MIB_PER_GIB = 1024


@dataclass(frozen=True)
class Parameter:
    """One setting of a parameter group."""

    name: str
    value: str
    apply_method: Literal["immediate", "pending-reboot"] = "immediate"
    """A static parameter takes effect at the next reboot, and RDS refuses `immediate` for it."""


def family(engine_version: str) -> str:
    """The parameter group family of a version: `postgres17` for `17.6`."""
    return f"postgres{engine_version.split('.', maxsplit=1)[0]}"


def parameters(*, storage_gib: int) -> tuple[Parameter, ...]:
    """Every setting that differs from RDS's default or must not depend on it, sorted by name.

    No user statement is logged, whether it is slow or fails, because statements contain health information. Performance
    Insights finds slow statements. `operations.roles` tells the audit what to log, when its extension exists.

    Args:
        storage_gib: the instance's storage. Up to a quarter of it may hold WAL for a replica that does not answer.
    """
    return (
        Parameter("idle_in_transaction_session_timeout", "60000"),  # milliseconds
        # The DETAIL of an error repeats values of a row, such as an address that exists already.
        Parameter("log_error_verbosity", "terse"),
        Parameter("log_connections", "1"),
        Parameter("log_disconnections", "1"),
        Parameter("log_lock_waits", "1"),
        Parameter("log_min_duration_statement", "-1"),
        Parameter("log_min_error_statement", "panic"),
        # MiB. A lost replica leaves its slot behind, and the WAL kept for it would fill the leader's disk. Beyond this
        # limit, the replica must be reseeded.
        Parameter("max_slot_wal_keep_size", str(storage_gib * MIB_PER_GIB // 4)),
        Parameter("rds.accepted_password_auth_method", "scram"),
        Parameter("rds.force_ssl", "1"),
        Parameter("shared_preload_libraries", "pg_stat_statements,pgaudit", "pending-reboot"),
    )
