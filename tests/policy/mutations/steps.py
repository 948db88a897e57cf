"""Steps that would break a recovery, added to or taken from the steps of a failover."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from engine.deployment import Step
from engine.diff import steps_between
from tests.harness import FAILED_OVER, PRIMARY_LEADS, deploy

Steps = Sequence[Step]
JOB = "kubernetes:batch/v1:Job"
DATABASE = "aws:rds/instance:Instance"


@dataclass(frozen=True)
class StepMutation:
    """A change of the steps, and its consequence."""

    rule: str
    outage: str
    change: Callable[[Steps], Steps]

    def __str__(self) -> str:
        return f"{self.rule}: {self.outage}"


def failover() -> list[Step]:
    """The steps of the standby in a failover."""
    return steps_between(deploy("secondary", PRIMARY_LEADS), deploy("secondary", FAILED_OVER))


def added(op: str, type_: str, name: str, *keys: str) -> Callable[[Steps], Steps]:
    return lambda steps: [*steps, Step(op, type_, name, keys)]


def without(type_: str) -> Callable[[Steps], Steps]:
    return lambda steps: [step for step in steps if step.type != type_]


def as_op(type_: str, op: str, *keys: str) -> Callable[[Steps], Steps]:
    return lambda steps: [
        replace(step, op=op, keys=keys or step.keys) if step.type == type_ else step for step in steps
    ]


KEEPS, HISTORY, QUIET, ROLES, PROMOTES = (
    "transition-step-keeps-data",
    "transition-claim-is-history",
    "transition-flip-without-global-services",
    "transition-flip-touches-roles-only",
    "transition-flip-promotes",
)
STEPS = (
    StepMutation(KEEPS, "the replica is deleted", as_op(DATABASE, "delete")),
    StepMutation(KEEPS, "the replica is replaced by an empty one", as_op(DATABASE, "replace", "username")),
    StepMutation(KEEPS, "the ledger is deleted", added("delete", "aws:dynamodb/table:Table", "ledger-table")),
    StepMutation(KEEPS, "all data under a key is lost", added("delete", "aws:kms/key:Key", "keys-database")),
    StepMutation(KEEPS, "backups are deleted", added("delete", "aws:s3/bucket:Bucket", "backups-own-bucket")),
    StepMutation(
        KEEPS, "recovery points are deleted", added("replace", "aws:backup/vault:Vault", "vaults-own-vault", "name")
    ),
    StepMutation(KEEPS, "all names are gone", added("delete", "aws:route53/zone:Zone", "zone-zone")),
    StepMutation(
        KEEPS,
        "the password is another one",
        added("replace", "random:index/randomPassword:RandomPassword", "password-random", "length"),
    ),
    StepMutation(KEEPS, "the cluster is deleted", added("delete", "eks:index:Cluster", "cluster-1-eks")),
    StepMutation(KEEPS, "no image is left", added("delete", "aws:ecr/repository:Repository", "registry-backend")),
    StepMutation(HISTORY, "the timeline is shortened", added("delete", JOB, "claims-epoch-1-primary-1")),
    StepMutation(
        HISTORY,
        "the timeline is rewritten",
        lambda steps: added("create", JOB, "claims-epoch-1-primary-9")(
            added("delete", JOB, "claims-epoch-1-primary-1")(steps)
        ),
    ),
    StepMutation(HISTORY, "an epoch is skipped", added("create", JOB, "claims-epoch-3-secondary-1")),
    StepMutation(
        QUIET, "the flip waits for Route 53", added("update", "aws:route53/record:Record", "traffic-web", "aliases")
    ),
    StepMutation(QUIET, "the flip waits for IAM", added("create", "aws:iam/role:Role", "new-role")),
    StepMutation(
        QUIET,
        "the flip waits for IAM",
        added("update", "aws:iam/rolePolicy:RolePolicy", "fence-identity-policy", "policy"),
    ),
    StepMutation(
        ROLES,
        "the flip waits for a new cluster version",
        added("update", "aws:eks/nodeGroup:NodeGroup", "cluster-1-nodes-1", "version"),
    ),
    StepMutation(
        ROLES,
        "the flip installs a chart",
        added("update", "kubernetes:helm.sh/v3:Release", "monitoring-prometheus", "version"),
    ),
    StepMutation(
        ROLES, "the flip waits for a larger database", as_op(DATABASE, "update", "replicateSourceDb", "instanceClass")
    ),
    StepMutation(
        ROLES, "RDS needs a second apply", as_op(DATABASE, "update", "replicateSourceDb", "backupRetentionPeriod")
    ),
    StepMutation(
        ROLES, "the flip waits for a new job", added("create", "kubernetes:batch/v1:CronJob", "restore-check-job")
    ),
    StepMutation(
        ROLES, "the flip removes a service", added("delete", "kubernetes:core/v1:Service", "platform-backend-service")
    ),
    StepMutation(PROMOTES, "no database can be written", without(DATABASE)),
)
