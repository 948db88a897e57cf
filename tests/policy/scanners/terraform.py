"""A site as a Terraform plan, which scanners read: the same inputs under the names of Terraform's AWS provider.

pulumi-aws is generated from that provider. Its names become camel case, repeated blocks become plural, and a block that
may occur once becomes an object. Source: pulumi-terraform-bridge, "Property name mapping".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from policy.model import Resource, Site

_TYPES = {
    "aws:acm/certificate": "aws_acm_certificate",
    "aws:amp/workspace": "aws_prometheus_workspace",
    "aws:cloudwatch/eventRule": "aws_cloudwatch_event_rule",
    "aws:ec2/defaultSecurityGroup": "aws_default_security_group",
    "aws:kinesis/firehoseDeliveryStream": "aws_kinesis_firehose_delivery_stream",
    "aws:rds/instance": "aws_db_instance",
    "aws:rds/instanceAutomatedBackupsReplication": "aws_db_instance_automated_backups_replication",
    "aws:rds/parameterGroup": "aws_db_parameter_group",
    "aws:rds/subnetGroup": "aws_db_subnet_group",
    "aws:s3/bucketReplicationConfig": "aws_s3_bucket_replication_configuration",
    "eks:index:Cluster": "aws_eks_cluster",
}
"""The types whose Terraform name does not follow from Pulumi's."""
_WITHOUT_SERVICE = ("ec2", "lb", "vpc")
"""The modules whose Terraform types have no prefix of their own, except for `aws_lb`, `aws_ec2_…` and `aws_vpc_…`."""
_MODULES = {"lb": {"loadBalancer": "aws_lb", "listener": "aws_lb_listener", "listenerRule": "aws_lb_listener_rule"}}
_MAPS = {"tags", "dimensions", "variables"}
_SINGULAR = {
    "actions": "action",
    "applyServerSideEncryptionByDefault": "apply_server_side_encryption_by_default",
    "blockDeviceMappings": "block_device_mappings",
    "conditions": "condition",
    "copyActions": "copy_action",
    "defaultActions": "default_action",
    "encryptionConfigurations": "encryption_configuration",
    "parameters": "parameter",
    "replicas": "replica",
    "rules": "rule",
    "subjectAlternativeNames": "subject_alternative_names",
}
"""Repeated blocks, which Terraform names in the singular."""


def type_of(resource: Resource) -> str | None:
    """The Terraform type of a resource of AWS; None for anything else."""
    if resource.type in _TYPES:
        return _TYPES[resource.type]
    package, _, rest = resource.type.partition(":")
    if package != "aws":
        return None
    module, _, kind = rest.rpartition(":")[0].partition("/")
    known = _TYPES.get(f"aws:{module}/{kind}") or _MODULES.get(module, {}).get(kind)
    if known is not None:
        return known
    if module == "lb":
        return f"aws_lb_{_snake(kind)}"
    prefix = "" if module in _WITHOUT_SERVICE else f"{module}_"
    special = {"vpcEndpoint": "vpc_endpoint"}
    if module == "vpc":
        return f"aws_vpc_{_snake(kind)}"
    return f"aws_{prefix}{special.get(kind, _snake(kind))}"


def plan(site: Site) -> dict[str, Any]:
    """The AWS resources of a site as the JSON of `terraform show`."""
    addresses = {entry.urn: f"{type_of(entry)}.{_label(entry)}" for entry in site.resources if type_of(entry)}
    planned = [entry for entry in site.resources if entry.urn in addresses]
    resources = [
        {
            "address": addresses[entry.urn],
            "mode": "managed",
            "type": type_of(entry),
            "name": _label(entry),
            "provider_name": "registry.terraform.io/hashicorp/aws",
            "values": _values(entry),
        }
        for entry in planned
    ]
    references = [
        {
            "address": addresses[entry.urn],
            "mode": "managed",
            "type": type_of(entry),
            "name": _label(entry),
            "provider_config_key": "aws",
            "expressions": {
                _SINGULAR.get(key, _snake(key)): {"references": [addresses[urn] for urn in urns if urn in addresses]}
                for key, urns in entry.links.items()
            },
        }
        for entry in planned
    ]
    changes = [
        {**entry, "change": {"actions": ["create"], "before": None, "after": entry["values"]}} for entry in resources
    ]
    return {
        "format_version": "1.2",
        "terraform_version": "1.9.0",
        "planned_values": {"root_module": {"resources": resources}},
        "resource_changes": changes,
        "configuration": {"root_module": {"resources": references}},
    }


def manifests(site: Site) -> list[dict[str, Any]]:
    """The Kubernetes objects of a site, for a scanner of manifests."""
    return [
        dict(entry.inputs)
        for entry in site.resources
        if entry.type.startswith("kubernetes:") and "kind" in entry.inputs
    ]


def _values(resource: Resource) -> dict[str, Any]:
    if resource.type != "eks:index:Cluster":
        return _block(resource.inputs)
    # A component: its arguments are those of the cluster that it declares, with some blocks flattened.
    inputs = dict(resource.inputs)
    network = {
        "endpoint_private_access": inputs.get("endpointPrivateAccess"),
        "endpoint_public_access": inputs.get("endpointPublicAccess"),
        "public_access_cidrs": inputs.get("publicAccessCidrs"),
    }
    values = _block(inputs) | {"vpc_config": [network]}
    if "encryptionConfigKeyArn" in inputs:
        provider = [{"key_arn": inputs["encryptionConfigKeyArn"]}]
        values["encryption_config"] = [{"resources": ["secrets"], "provider": provider}]
    return values


def _block(values: Mapping[str, Any]) -> dict[str, Any]:
    return {_SINGULAR.get(key, _snake(key)): _value(key, value) for key, value in values.items()}


def _value(key: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value) if key in _MAPS else [_block(value)]
    if isinstance(value, list):
        return [_block(entry) if isinstance(entry, Mapping) else entry for entry in value]
    return value


def _label(resource: Resource) -> str:
    return re.sub(r"\W", "_", resource.name)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()
