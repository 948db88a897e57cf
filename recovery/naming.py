"""Names that both sites derive from configuration, so that neither site reads the other's stack.

This module alone derives the names that the other site refers to (docs/adr/0004-names-instead-of-references.md).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from recovery.timeline import DatabaseId

PROJECT = "lifeline"
NAMESPACE = "mental-health-platform"
CONFIG_MAP = "mental-health-app-config"
DATABASE_NAME = "mental_health_platform"
DATABASE_USER = "lifeline"
DATABASE_APPLICATION = "lifeline_application"
DATABASE_WRITERS = "lifeline_writers"
LEADS_PATH = "/lifeline/leads"
YIELDS_PATH = "/lifeline/yields"
"""The paths of a site's switch. Health checkers read them; see `leads_answer` and `yields_answer`."""
LEADER_PATH = "/lifeline/leader"
"""The path of the switch at which a backend asks for the site that leads. The load balancer routes no request there."""
SWITCH_HEALTH_PATH = "/lifeline/health"
"""The path at which the switch's process answers. The load balancer routes no request there."""

WEB, ALIVE, FALLBACK = "web", "alive", "fallback"
"""The labels of the names to which the public ones lead: the site with the web traffic; any site; that, or the page."""

BACKUP_DUMPS = "dumps/"
BACKUP_MANIFESTS = "manifests/"
BACKUP_CHECKS = "checks/"
BACKUP_CONFIGURATION = "configuration/"
"""The prefixes of a backup bucket: dumps, their manifests, results of restores, and exports of the configuration."""
LEDGER_EXPORTS = "exports/"
LEDGER_RECORDS = "records/"
"""The prefixes of a bucket of ledger exports: the data, and a record of each complete export."""
LEDGER_CRON_JOB = "ledger-export"
REVIEW_CRON_JOB = "crisis-review"
LOG_EVENTS = "events/"
LOG_ERRORS = "errors/"
"""The prefixes of a bucket of logs: events, and records that Firehose could not write."""
BACKUP_CRON_JOB = "postgresql-backup"
RESTORE_CHECK_CRON_JOB = "restore-check"
RESTORE_JOB = "restore"
LEDGER_RESTORE_JOB = "ledger-restore"
LATEST_BACKUP = "latest"
CONFIGURATION_CRON_JOB = "configuration-export"
ROLES_CRON_JOB = "roles"
SNAPSHOT_CRON_JOB = "promotion-snapshot"
EXPORTER = "recovery-exporter"
CANARY = "canary"
DATABASE_JOB = "postgresql"
"""The job under which Prometheus scrapes the exporter. The plan's alert names it."""
MONITORING_NAMESPACE = "monitoring"
"""The namespace of Prometheus."""
LOGGING_NAMESPACE = "logging"
"""The namespace of the collector of logs."""
LOG_COLLECTOR = "fluent-bit"
ALERTING_SECRET = f"{PROJECT}/alerting"
"""The secret of Alertmanager, which an engineer creates in each region before the first deployment."""

LEDGER_TABLE = f"{PROJECT}-crisis-ledger"
LEDGER_KEY = "pk"
LEDGER_KEY_PURPOSE = "ledger-exports"
"""The purpose in the alias of the key of a bucket of exports."""
LEDGER_EVENTS = ("event#", "escalation#")
"""The beginnings of the keys of the application's items. All others belong to the protocol of recovery."""
LEDGER_CHECKS = "event#check-"
"""The beginning of the keys of items that a health check writes again and again. They are no events."""
REPOSITORIES = (
    "autoscaling/cluster-autoscaler",
    "backend",
    "charts/aws-load-balancer-controller",
    "charts/cluster-autoscaler",
    "charts/kube-prometheus-stack",
    "crisis-detector",
    "eks/aws-load-balancer-controller",
    "fluent/fluent-bit",
    "frontend",
    "grafana/grafana",
    "hotline-gateway",
    "kube-state-metrics/kube-state-metrics",
    "operations",
    "prometheus-operator/prometheus-config-reloader",
    "prometheus-operator/prometheus-operator",
    "prometheus/alertmanager",
    "prometheus/blackbox-exporter",
    "prometheus/prometheus",
)
"""The repositories of images and charts, in the registry of each region."""
PASSWORD_SECRET = f"{PROJECT}/database/password"
"""The secret with the password of the database's owner, which jobs read."""
APPLICATION_SECRET = f"{PROJECT}/database/application"
"""The secret with the password of the application, which services read."""


@dataclass(frozen=True, kw_only=True)
class Tags:
    """The four tags that every taggable resource carries; tests and policies read them."""

    owner: str
    site: str

    def of(self, *, tier: str, data: str, name: str | None = None) -> dict[str, str]:
        """Tags for one resource.

        Args:
            tier: the name of a tier in `recovery.objectives`, or `platform` if every tier depends on the resource.
            data: `none`, `operational` (logs, metrics), `credentials` or `phi` (health information, HIPAA).
            name: the `Name` that AWS consoles show.
        """
        tags = {"lifeline:owner": self.owner, "lifeline:site": self.site, "lifeline:tier": tier, "lifeline:data": data}
        return tags if name is None else {"Name": name, **tags}

    def labels(self, *, tier: str, data: str) -> dict[str, str]:
        """The tags as labels of a Kubernetes object, whose prefixes end in a slash."""
        return {key.replace(":", "/"): value for key, value in self.of(tier=tier, data=data).items()}


def claim_key(epoch: int) -> str:
    """The ledger's key for the claim of an epoch."""
    return f"epoch#{epoch}"


def handover_key(epoch: int) -> str:
    """The ledger's key for the handover record of an epoch: the position at which its drained leader stopped."""
    return f"handover#{epoch}"


def ready_key(epoch: int) -> str:
    """The ledger's key for the ready mark of an epoch: its database takes writes, and its site takes the traffic."""
    return f"ready#{epoch}"


def closing_key(epoch: int) -> str:
    """The ledger's key for the closing of an epoch's leader: it is superseded and takes no writes."""
    return f"closed#{epoch}"


def leads_answer(site: str) -> str:
    """The words of a site's switch at `LEADS_PATH` while the newest ready mark names the site."""
    return f"lifeline-leads {site}"


def yields_answer(site: str) -> str:
    """The words of a site's switch at `YIELDS_PATH` while the newest ready mark names another site."""
    return f"lifeline-yields {site}"


def database_identifier(database: DatabaseId) -> str:
    """The RDS instance identifier."""
    return f"{PROJECT}-{database}"


def delayed_replica(database: DatabaseId) -> str:
    """The identifier of the replica, in the same region, that applies a database's changes after a delay."""
    return f"{database_identifier(database)}-delayed"


def promotion_snapshot(database: DatabaseId, epoch: int) -> str:
    """The identifier of the snapshot that is taken after a database was promoted to lead an epoch."""
    return f"{database_identifier(database)}-epoch-{epoch}"


def database_arn(database: DatabaseId, *, account: str, region: str) -> str:
    """The ARN by which a replica in another region names its source."""
    return f"arn:aws:rds:{region}:{account}:db:{database_identifier(database)}"


def databases_arn(site: str, *, account: str, region: str) -> str:
    """A pattern of the ARNs of all databases of a site."""
    return f"arn:aws:rds:{region}:{account}:db:{PROJECT}-{site}-*"


def state_bucket(site: str, *, account: str) -> str:
    """The bucket, in the site's own region, in which Pulumi keeps the state of the site's stack."""
    return f"{PROJECT}-{account}-{site}-state"


def state_key(site: str) -> str:
    """The key of a stack's state. Source: pulumi/pulumi, pkg/backend/diy/store.go, `projectReferenceStore`."""
    return f".pulumi/stacks/{PROJECT}/{site}.json"


def backup_bucket(site: str, *, account: str) -> str:
    """The bucket, in the site's own region, that the site's backups are written to."""
    return f"{PROJECT}-{account}-{site}-backups"


def copy_name(name: str, generation: int = 1) -> str:
    """The name of a site's copy, in the other site's region, of a bucket of the site or of what belongs to it.

    A move of the copies to another region begins a new generation. S3 gives an object the same version id in both.
    """
    return of_generation(f"{name}-copy", generation)


def ledger_bucket(site: str, *, account: str) -> str:
    """The bucket, in the site's own region, that exports of the ledger are written to."""
    return f"{PROJECT}-{account}-{site}-ledger"


def bucket_key_alias(bucket: str, *, account: str) -> str:
    """The alias of the key of a bucket of backups or of exports of the ledger, or of its copy."""
    name = bucket.replace(f"{account}-", "").replace("-ledger", f"-{LEDGER_KEY_PURPOSE}")
    return f"alias/{name}"


def model_bucket(site: str, *, account: str) -> str:
    """The bucket of models, in the site's own region."""
    return f"{PROJECT}-{account}-{site}-models"


MODEL_KEY = "crisis/model"
"""The key of the crisis detector's model in a bucket of models."""


def access_log_bucket(site: str, *, account: str) -> str:
    """The bucket, in the site's own region, that the site's load balancer writes its access logs to."""
    return f"{PROJECT}-{account}-{site}-access-logs"


def pod_log_group(site: str, pods: str) -> str:
    """The log group of a site's pods, in the site's own region."""
    return f"/{PROJECT}/{site}/pods/{pods}"


def log_bucket(site: str, *, account: str) -> str:
    """The bucket, in the site's own region, that the site's logs are written to."""
    return f"{PROJECT}-{account}-{site}-logs"


def vault(site: str) -> str:
    """The vault of AWS Backup, in the site's own region, that has the site's recovery points."""
    return f"{PROJECT}-{site}-vault"


def log_stream(site: str) -> str:
    """The stream of Firehose that takes the events of all log groups of a site."""
    return f"{PROJECT}-{site}-logs"


def log_stream_arn(site: str, *, account: str, region: str) -> str:
    """The ARN of that stream."""
    return f"arn:aws:firehose:{region}:{account}:deliverystream/{log_stream(site)}"


def cluster_name(site: str, generation: int) -> str:
    """The EKS cluster's name. A new generation is built beside a failed cluster."""
    return f"{PROJECT}-{site}-{generation}"


def of_generation(name: str, generation: int) -> str:
    """The name of a part that each generation of something has. The first generation adds nothing to the name."""
    return name if generation == 1 else f"{name}-{generation}"


def target_group(service: str, port: int, *, site: str, generation: int) -> str:
    """The name of a target group, at most 32 characters. A site that replaces a lost one in its region has its own.

    A port cannot be changed in place. The name contains it, so a new port's group exists beside the old one meanwhile.
    """
    owner = hashlib.sha256(of_generation(site, generation).encode()).hexdigest()[:6]
    return f"{service}-{port}-{owner}"


def site_host(site: str, domain: str) -> str:
    """The host name of one site, whatever its role. Health checks and the other site use it."""
    return f"{site}.{domain}"


def image(repository: str, digest: str, *, account: str, region: str) -> str:
    """An image in the registry of the site's own region: a recovery pulls no image from another region."""
    return f"{registry(account=account, region=region)}/{repository}@{digest}"


def registry(*, account: str, region: str) -> str:
    """The host of a region's registry."""
    return f"{account}.dkr.ecr.{region}.amazonaws.com"


def chart(name: str, *, account: str, region: str) -> str:
    """A chart's copy in the registry of the site's own region.

    Pulumi loads it at every `up` to check the release: with a public repository, a flip would fail whenever that does.
    Source: pulumi/pulumi-kubernetes, `provider/pkg/provider/helm_release.go`, `Check`.
    """
    return f"oci://{registry(account=account, region=region)}/charts/{name}"


def metrics_workspace(site: str) -> str:
    """The alias of the workspace, in the other site's region, that keeps the metrics of a site."""
    return f"{PROJECT}-{site}"


def ledger_arn(*, account: str, region: str) -> str:
    """The crisis ledger's replica in a region."""
    return f"arn:aws:dynamodb:{region}:{account}:table/{LEDGER_TABLE}"
