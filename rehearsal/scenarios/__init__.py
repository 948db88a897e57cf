"""The scenarios of the plan, one module each, and the actions that they share."""

from __future__ import annotations

from rehearsal.scenarios.actions import Scenario
from rehearsal.scenarios.both_regions_lost import both_regions_lost
from rehearsal.scenarios.cluster_loss import cluster_loss
from rehearsal.scenarios.control_planes_down import control_planes_down
from rehearsal.scenarios.crisis_detector_loss import crisis_detector_loss
from rehearsal.scenarios.database_loss import database_loss
from rehearsal.scenarios.failback import failback
from rehearsal.scenarios.fence_crash import fence_crash
from rehearsal.scenarios.hotline_loss import hotline_loss
from rehearsal.scenarios.ledger_impaired import ledger_impaired
from rehearsal.scenarios.live_flip import live_flip
from rehearsal.scenarios.monthly_test import monthly_test
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
    "control-planes-down": control_planes_down,
    "cluster-loss": cluster_loss,
    "crisis-detector-loss": crisis_detector_loss,
    "hotline-loss": hotline_loss,
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
    "monthly-test": monthly_test,
}

_ALWAYS = "every tier is back in the plan's time; "
_LOSES_AN_HOUR = f"{_ALWAYS}no crisis event is lost, and of user data less than an hour"
_LOSES_NOTHING = f"{_ALWAYS}nothing is lost"
PROMISES: dict[str, str] = {
    "region-loss": f"{_LOSES_AN_HOUR}; the flip calls nothing outside its region",
    "control-planes-down": f"{_LOSES_AN_HOUR}; reports of a crisis are back in 60 s by DNS, and in 5 s for 99 of 100 "
    "clients that try the other site",
    "cluster-loss": f"{_LOSES_AN_HOUR}; no request fails while the cluster is rebuilt",
    "crisis-detector-loss": f"{_LOSES_NOTHING}; the other site answers, then keywords in both, then the model before; "
    "the review names the event for which no one was alerted",
    "hotline-loss": f"{_LOSES_NOTHING}; the alert activates the backup provider",
    "ledger-impaired": f"{_LOSES_AN_HOUR}; only crisis traffic moves",
    "database-loss": f"{_LOSES_AN_HOUR}; a moment, a dump and a migration are restored",
    "live-flip": f"{_LOSES_NOTHING}; the promotion waits until the old leader is closed",
    "fence-crash": f"{_LOSES_NOTHING}; a leader without a fence cannot take writes beside the new one",
    "switchover": f"{_LOSES_NOTHING}",
    "failback": f"{_LOSES_AN_HOUR} with the region, and nothing on the way back",
    "split-brain": f"{_LOSES_AN_HOUR}; an old leader that returns takes no write that cannot be reconciled",
    "partition": f"{_LOSES_AN_HOUR}; a row that both sides took apart is left for reconcile.md",
    "partition-strict": f"{_LOSES_AN_HOUR}; no two databases take writes at once",
    "nemesis": f"{_LOSES_AN_HOUR}, whatever strikes",
    "rebuild-region": f"{_LOSES_AN_HOUR}; the new site follows, and takes over",
    "rebuild-elsewhere": f"{_LOSES_AN_HOUR}; the new site follows, and takes over",
    "both-regions-lost": "every tier is back in four hours; of crisis events and user data less than 26 hours are lost",
    "rotation": f"{_LOSES_NOTHING}; the former passwords are refused",
    "monthly-test": f"{_LOSES_NOTHING}; crisis services go on without the database, and one site's without their pods",
}
"""The promises of each scenario. The first line of its module says what it plays."""
