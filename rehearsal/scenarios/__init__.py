"""The scenarios of the plan, one module each, and the actions that they share."""

from __future__ import annotations

from rehearsal.scenarios.actions import Scenario
from rehearsal.scenarios.both_regions_lost import both_regions_lost
from rehearsal.scenarios.cluster_loss import cluster_loss
from rehearsal.scenarios.database_loss import database_loss
from rehearsal.scenarios.failback import failback
from rehearsal.scenarios.fence_crash import fence_crash
from rehearsal.scenarios.ledger_impaired import ledger_impaired
from rehearsal.scenarios.live_flip import live_flip
from rehearsal.scenarios.nemesis import nemesis
from rehearsal.scenarios.partition import partition, partition_strict
from rehearsal.scenarios.rebuild_elsewhere import rebuild_elsewhere
from rehearsal.scenarios.rebuild_region import rebuild_region
from rehearsal.scenarios.region_loss import region_loss
from rehearsal.scenarios.rotation import rotation
from rehearsal.scenarios.split_brain import split_brain
from rehearsal.scenarios.switchover import switchover

SCENARIOS: dict[str, Scenario] = {
    "region-loss": region_loss,
    "cluster-loss": cluster_loss,
    "ledger-impaired": ledger_impaired,
    "database-loss": database_loss,
    "live-flip": live_flip,
    "fence-crash": fence_crash,
    "switchover": switchover,
    "failback": failback,
    "split-brain": split_brain,
    "partition": partition,
    "partition-strict": partition_strict,
    "nemesis": nemesis,
    "rebuild-region": rebuild_region,
    "rebuild-elsewhere": rebuild_elsewhere,
    "both-regions-lost": both_regions_lost,
    "rotation": rotation,
}
