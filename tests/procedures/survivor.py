"""A secondary site, in moto, to which a failover may be made: nothing stands in the way."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from importlib import metadata
from pathlib import Path
from typing import Any

import boto3
import pytest

from engine.deployment import Step
from procedures.live import LiveAccess
from procedures.preflight.machine import CHARTS, PLUGINS, PROGRAMS, Machine
from procedures.preflight.run import Preflight, preflight
from recovery.naming import (
    ALERTING_SECRET,
    APPLICATION_SECRET,
    PASSWORD_SECRET,
    cluster_name,
    registry,
    site_host,
    state_bucket,
    state_key,
)
from rehearsal.world.cloud import empty_account
from stacks.config import SiteConfig, parse
from stacks.stackfile import StackFile
from tests.harness import ROOT, stack_config
from tests.procedures.accounts import NOW, PRIMARY, SECONDARY, Account, make_ledger
from tests.serving import serving

ACCOUNT = "123456789012"
BUCKET, STATE = state_bucket("secondary", account=ACCOUNT), state_key("secondary")
CONFIG: SiteConfig = parse(stack_config("secondary"), stack="secondary")
CLUSTER = cluster_name("secondary", 1)
PASSWORD = f"{ACCOUNT}-auth-token"
"""The password that moto's ECR gives."""
HELM = """#!/bin/sh
# Writes the login where Helm does: helm/helm, `pkg/registry`, in the form of Docker's configuration.
mkdir -p "$(dirname "$HELM_REGISTRY_CONFIG")"
read -r password
for host; do :; done
auth=$(printf 'AWS:%s' "$password" | base64 -w0)
printf '{"auths": {"%s": {"auth": "%s"}}}' "$host" "$auth" >"$HELM_REGISTRY_CONFIG"
"""


@dataclass
class Quotas:
    """Service Quotas, which moto has for VPC only."""

    allowed: float = 640.0

    def get_service_quota(self, **_: str) -> dict[str, Any]:
        """The quota."""
        return {"Quota": {"Value": self.allowed}}


@dataclass
class Login(Account):
    """The account with the credentials of the environment."""

    quotas: Quotas = field(default_factory=Quotas)
    silent: tuple[str, ...] = ()
    """The services that do not answer."""

    def client(self, service: str, region: str) -> Any:
        """A client."""
        if service in self.silent:
            raise ConnectionError(f"{service} in {region} does not answer")
        return self.quotas if service == "service-quotas" else LiveAccess.client(self, service, region)


@dataclass
class Drafted:
    """A stack with a preview."""

    file: StackFile
    steps: list[Step] = field(default_factory=list[Step])

    def preview(self) -> list[Step]:
        """The steps."""
        return self.steps


def of_registry(request: BaseHTTPRequestHandler) -> None:
    """The answer of a registry that has all charts, for those who have the password."""
    given = request.headers["Authorization"].removeprefix("Basic ")
    is_known = base64.b64decode(given).decode() == f"AWS:{PASSWORD}"
    has_chart = any(request.path == f"/v2/charts/{name}/tags/list" for name in CHARTS)
    request.send_response(200 if is_known and has_chart else 401 if not is_known else 404)
    request.end_headers()


@dataclass
class Survivor:
    """The operator's machine and the region, with hands to break them."""

    url: str
    folder: Path
    """Of the project."""
    home: Path
    patch: pytest.MonkeyPatch
    stack: Drafted
    access: Login
    machine: Machine

    def client(self, service: Any, region: str = SECONDARY) -> Any:
        """A client of an administrator, whatever the environment says."""
        return boto3.session.Session("root", "root").client(service, region, endpoint_url=self.url)

    def look(self) -> Preflight:
        """A preflight."""
        access = replace(self.access)  # with the credentials of this moment
        return preflight(self.stack, access, self.machine, config_in(self.stack.file), seconds=60)


def config_in(file: StackFile) -> SiteConfig:
    """The configuration of the secondary."""
    return parse(file.config, stack="secondary")


def build(url: str) -> None:
    """Everything in AWS that a failover needs."""
    make_ledger(url, SECONDARY)

    def client(service: Any, region: str = SECONDARY) -> Any:
        return boto3.session.Session("root", "root").client(service, region, endpoint_url=url)

    _state(client("s3"))
    _databases(client("rds", PRIMARY), client("rds"))
    _cluster(client)
    kms: Any = client("kms")
    for name in ("state", "database"):
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName=f"alias/lifeline-secondary-{name}", TargetKeyId=key)
    for secret in (PASSWORD_SECRET, APPLICATION_SECRET, ALERTING_SECRET):
        client("secretsmanager").create_secret(Name=secret, SecretString="x")
    check = {"Type": "HTTPS", "FullyQualifiedDomainName": site_host("secondary", CONFIG.domain), "Port": 443}
    client("route53").create_health_check(CallerReference="x", HealthCheckConfig=check)
    client("acm").request_certificate(DomainName=CONFIG.domain, ValidationMethod="DNS")
    dimensions = [{"Name": "DBInstanceIdentifier", "Value": "lifeline-secondary-1"}]
    point = {
        "MetricName": "ReplicaLag",
        "Dimensions": dimensions,
        "Value": 2.0,
        "Timestamp": NOW - timedelta(minutes=1),
    }
    client("cloudwatch").put_metric_data(Namespace="AWS/RDS", MetricData=[point])


def write_state(s3: Any, **latest: Any) -> None:
    """A state of the stack."""
    s3.put_object(Bucket=BUCKET, Key=STATE, Body=json.dumps({"version": 3, "checkpoint": {"latest": latest}}).encode())


def _state(s3: Any) -> None:
    place = {"LocationConstraint": SECONDARY}
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    write_state(s3, resources=[])


def _databases(primary: Any, secondary: Any) -> None:
    made = primary.create_db_instance(
        DBInstanceIdentifier="lifeline-primary-1",
        DBInstanceClass="db.m7g.large",
        Engine="postgres",
        AllocatedStorage=20,
        BackupRetentionPeriod=35,
        MasterUsername="lifeline",
        MasterUserPassword="not-a-secret",
    )
    arn = made["DBInstance"]["DBInstanceArn"]
    secondary.create_db_instance_read_replica(
        DBInstanceIdentifier="lifeline-secondary-1", SourceDBInstanceIdentifier=arn, SourceRegion=PRIMARY
    )


def _cluster(client: Any) -> None:
    ec2: Any = client("ec2")
    subnets = [entry["SubnetId"] for entry in ec2.describe_subnets()["Subnets"]][:3]
    role = f"arn:aws:iam::{ACCOUNT}:role/nodes"
    eks: Any = client("eks")
    eks.create_cluster(name=CLUSTER, roleArn=role, resourcesVpcConfig={"subnetIds": subnets})
    for zone, subnet in enumerate(subnets, 1):
        eks.create_nodegroup(
            clusterName=CLUSTER,
            nodegroupName=f"nodes-{zone}",
            subnets=[subnet],
            nodeRole=role,
            scalingConfig={"minSize": 1, "desiredSize": 1, "maxSize": CONFIG.cluster.nodes.maximum},
        )
    autoscaling: Any = client("autoscaling")
    autoscaling.create_launch_configuration(
        LaunchConfigurationName="nodes", ImageId="ami-12c6146b", InstanceType="t3.medium"
    )
    autoscaling.create_auto_scaling_group(
        AutoScalingGroupName="eks-nodes-1",
        LaunchConfigurationName="nodes",
        MinSize=0,
        MaxSize=0,
        AvailabilityZones=[f"{SECONDARY}a"],
        Tags=[{"Key": "eks:cluster-name", "Value": CLUSTER, "PropagateAtLaunch": True}],
    )


def push(ecr: Any) -> dict[str, str]:
    """All images of the platform. Returns their digests, by the keys of `lifeline:images`."""
    digests: dict[str, str] = {}
    for entry in type(CONFIG.images).model_fields.values():
        name = str(entry.alias)
        repository = re.sub("([A-Z])", r"-\1", name).lower()
        ecr.create_repository(repositoryName=repository)
        media = "application/vnd.oci.image.manifest.v1+json"
        manifest = json.dumps(
            {"schemaVersion": 2, "mediaType": media, "config": {"digest": f"sha256:{repository}"}, "layers": []}
        )
        image = ecr.put_image(repositoryName=repository, imageManifest=manifest, imageTag="1")["image"]
        digests[name] = image["imageId"]["imageDigest"]
    return digests


def install(home: Path, patch: pytest.MonkeyPatch) -> None:
    """The programs, the plugins and the login of the operator."""
    programs = home / ".local/bin"
    programs.mkdir(parents=True)
    for name in PROGRAMS:
        _script(programs / name, "#!/bin/sh\n")
    _script(programs / "helm", HELM)
    for name, distribution in PLUGINS.items():
        (home / ".pulumi/plugins" / f"resource-{name}-v{metadata.version(distribution)}").mkdir(parents=True)
    login = home / "helm.json"
    host = registry(account=ACCOUNT, region=SECONDARY)
    auth = base64.b64encode(f"AWS:{PASSWORD}".encode()).decode()
    login.write_text(json.dumps({"auths": {host: {"auth": auth}}}))
    for name, value in {
        "HOME": str(home),
        "HELM_REGISTRY_CONFIG": str(login),
        "AWS_CONFIG_FILE": str(home / "config"),
        "AWS_ACCESS_KEY_ID": "operator",
        "AWS_SECRET_ACCESS_KEY": "operator",
    }.items():
        patch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_STS_REGIONAL_ENDPOINTS", "PULUMI_HOME"):
        patch.delenv(name, raising=False)


def _script(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def project(folder: Path, digests: dict[str, str]) -> StackFile:
    """The stack files, in a folder, with the digests of images that exist."""
    (folder / "Pulumi.primary.yaml").write_text((ROOT / "Pulumi.primary.yaml").read_text())
    file = StackFile(ROOT / "Pulumi.secondary.yaml")
    file.set("lifeline:images", digests)
    file.save(folder / "Pulumi.secondary.yaml")
    return StackFile(folder / "Pulumi.secondary.yaml")


@dataclass(frozen=True)
class Region:
    """An account with the secondary's region in which nothing stands in the way."""

    url: str
    charts: str
    """The address of the registry."""
    digests: dict[str, str]


@contextmanager
def region() -> Generator[Region]:
    """Build the account."""
    with empty_account() as url, serving(of_registry) as charts:
        build(url)
        ecr = boto3.session.Session("root", "root").client("ecr", SECONDARY, endpoint_url=url)
        yield Region(url, charts, push(ecr))


def survivor(at: Region, folder: Path, patch: pytest.MonkeyPatch) -> Survivor:
    """A machine of an operator beside a region."""
    home, root = folder / "home", folder / "project"
    root.mkdir()
    install(home, patch)
    patch.setenv("AWS_ENDPOINT_URL", at.url)
    patch.setenv("PATH", f"{home / '.local/bin'}:/usr/bin:/bin")
    stack = Drafted(project(root, at.digests))
    access = Login({PRIMARY: at.url, SECONDARY: at.url})
    return Survivor(at.url, root, home, patch, stack, access, Machine(root, lambda _: at.charts))
