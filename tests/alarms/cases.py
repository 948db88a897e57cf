"""The cases of each alarm: periods that must stay quiet, and periods at whose end the alarm begins to fire."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from components.alarms import copies, data, outside
from components.alarms.model import Alarm
from recovery.timeline import DatabaseId
from tests.alarms.cloudwatch import FURTHER_PERIODS, Period

Series = Sequence[Period]
NOTHING: Period = ()
STORAGE_GIB = 100
ALARMS: tuple[Alarm, ...] = (
    *data.database(DatabaseId("primary", 1), storage_gib=STORAGE_GIB),
    *data.ledger("primary"),
    *outside.outside("primary", crisis_check="crisis", app_check="app"),
    copies.recovery_point("primary", "RDS"),
    *copies.logs("primary"),
    copies.replication("lifeline-123456789012-primary-backups", "lifeline-123456789012-primary-backups-copy"),
)


@dataclass(frozen=True, kw_only=True)
class Cases:
    """The cases of one alarm."""

    quiet: dict[str, Series]
    firing: dict[str, Series]
    """The alarm fires at the end, and not one period earlier."""


def _vanishes(healthy: Period, periods: int) -> Series:
    """Samples that stop. CloudWatch first uses the newest ones that it still retrieves."""
    return [healthy] * (periods + FURTHER_PERIODS) + [NOTHING] * (periods + FURTHER_PERIODS)


_LOW = STORAGE_GIB * 1024**3 // 10
CASES: dict[str, Cases] = {
    "DatabaseSilent": Cases(
        quiet={
            "no one is connected": [(0,)] * 20,
            "many are connected, two samples": [(40, 42)] * 20,
            "a restart": [(4,)] * 9 + [NOTHING] * 4 + [(4,)] * 2,
        },
        firing={"it vanishes": _vanishes((4,), 5)},
    ),
    "DatabaseStorageLow": Cases(
        quiet={
            "just enough": [(_LOW,)] * 30,
            "RDS adds storage in time": [(2 * _LOW,)] * 20 + [(_LOW - 1,)] * 14,
            "it vanishes": [(2 * _LOW,)] * 20 + [NOTHING] * 30,
        },
        firing={"it fills": [(2 * _LOW,)] * 20 + [(_LOW - 1, 2 * _LOW)] * 15},
    ),
    "DatabaseReplicaLag": Cases(
        quiet={
            "an idle night": [(60, 300)] * 20,
            "half of the objective": [(1800,)] * 20,
            "two samples": [(1000, 1700)] * 20,
            "a short stop": [(5,)] * 9 + [(1801,)] * 4,
            "a leader": [NOTHING] * 20,
        },
        firing={"replication stops": [(5,)] * 9 + [(1700, 1801)] * 5},
    ),
    "LedgerSilent": Cases(
        quiet={
            "reads": [(4.0, 6.0, 5.0)] * 20,
            "one fast read": [(0.4,)] * 20,
            "the fence restarts": [(4.0,)] * 9 + [NOTHING] * 4 + [(4.0,)],
        },
        firing={"the cluster dies": _vanishes((4.0, 5.0), 5)},
    ),
    "LedgerWritesFailing": Cases(
        quiet={
            "no error": [NOTHING] * 20,
            "zeros": [(0, 0)] * 20,
            "two bad minutes": [NOTHING] * 9 + [(0, 1)] * 2,
        },
        firing={"a region is lost": [NOTHING] * 9 + [(0, 1)] * 3, "after zeros": [(0, 0)] * 9 + [(0, 1)] * 3},
    ),
    "LedgerSlow": Cases(
        quiet={
            "one slow write": [(5, 1500)] * 20,
            "at the limit": [(1000,)] * 20,
            "four slow minutes": [(5,)] * 9 + [(1001,)] * 4,
            "no write": [NOTHING] * 20,
        },
        firing={"a region is slow": [(5,)] * 9 + [(900, 1102)] * 5},
    ),
    "CrisisUnreachable": Cases(
        quiet={"healthy": [(1, 1)] * 9},
        firing={"unhealthy": [(1, 1)] * 9 + [(1, 0)], "it vanishes": _vanishes((1, 1), 1)},
    ),
    "SiteUnreachable": Cases(
        quiet={"healthy": [(1, 1)] * 9, "a bad minute": [(1, 1)] * 9 + [(0, 0)]},
        firing={"unhealthy": [(1, 1)] * 9 + [(1, 0)] * 2, "it vanishes": _vanishes((1, 1), 2)},
    ),
    "RecoveryPointMissing": Cases(
        quiet={
            "each day, and nothing between": ([(1,)] + [NOTHING] * 23) * 3 + [(1,)] + [NOTHING] * 25,
            "each day, and zeros between": ([(1, 0)] + [(0,)] * 23) * 3 + [(1, 0)] + [(0,)] * 25,
        },
        firing={
            "one is late": ([(1,)] + [(0,)] * 23) * 3 + [(1,)] + [(0,)] * 26,
            "one is late, and nothing between": ([(1,)] + [NOTHING] * 23) * 3
            + [(1,)]
            + [NOTHING] * (26 + FURTHER_PERIODS),
        },
    ),
    "LogDeliveryBehind": Cases(
        quiet={
            "in time": [(60, 90)] * 20,
            "at the objective": [(300,)] * 20,
            "two samples in time": [(200, 250)] * 20,
            "four bad minutes": [(60,)] * 9 + [(301,)] * 4,
            "no events": [NOTHING] * 20,
        },
        firing={"the bucket refuses": [(60,)] * 9 + [(10, 301)] * 5},
    ),
    "LogsMissing": Cases(
        quiet={
            "few events": [(1,)] * 20,
            "two batches": [(1, 0)] * 20,
            "fourteen empty minutes": [(9,)] * 20 + [(0,)] * 14,
        },
        firing={"zeros": [(9,)] * 20 + [(0,)] * 15, "it vanishes": _vanishes((9,), 15)},
    ),
    "CopyFailed": Cases(
        quiet={"nothing to copy": [NOTHING] * 9, "all copied": [(0, 0)] * 9},
        firing={"one object": [NOTHING] * 9 + [(0, 1)], "after zeros": [(0,)] * 9 + [(0, 1)]},
    ),
}
