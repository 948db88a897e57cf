"""Invented provider outputs for a recording. They are plausible, and depend on the URN alone.

A recording shows the inputs of each resource; its outputs only let the program run to its end. A test that needs a
real value from AWS belongs in the rehearsal.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from recovery.naming import LEDGER_TABLE


def digest(urn: str, length: int = 8) -> str:
    """A stable stand-in for a random suffix."""
    return hashlib.sha256(urn.encode()).hexdigest()[:length]


def computed_id(type_: str, urn: str, inputs: dict[str, Any]) -> str:
    """An id in the format that the service uses."""
    prefix = _ID_PREFIXES.get(type_)
    if prefix:
        return f"{prefix}-{digest(urn, 17)}"
    if type_.startswith("kubernetes:") and "metadata" in inputs:
        meta = inputs["metadata"]
        return f"{meta['namespace']}/{meta['name']}" if "namespace" in meta else str(meta.get("name", digest(urn)))
    if type_ == "aws:route53/zone:Zone":
        return f"Z{digest(urn, 12).upper()}"
    if type_ == "aws:cloudfront/distribution:Distribution":
        return f"E{digest(urn, 13).upper()}"
    for key in ("name", "bucket", "identifier", "tableName", "function"):
        if isinstance(inputs.get(key), str):
            return str(inputs[key])
    return f"{urn.rsplit('::', 1)[-1]}-{digest(urn, 7)}"


def computed_outputs(
    type_: str, urn: str, id_: str, inputs: dict[str, Any], region: str, account: str
) -> dict[str, Any]:
    """The inputs, and the outputs that a provider would add."""
    service = type_.split(":")[1].split("/", maxsplit=1)[0] if type_.count(":") >= 2 else ""
    region = str(inputs.get("region", region))
    outputs: dict[str, Any] = {"name": id_, **inputs}
    if type_.startswith("aws:"):
        outputs |= {"arn": f"arn:aws:{service}:{region}:{account}:{id_}", "region": region}
    extra = _EXTRA.get(type_)
    if extra is not None:
        outputs |= {key: value for key, value in extra(id_, inputs, region, account).items() if key not in inputs}
    return outputs


_ID_PREFIXES = {
    "aws:amp/workspace:Workspace": "ws",
    "aws:ec2/vpc:Vpc": "vpc",
    "aws:ec2/subnet:Subnet": "subnet",
    "aws:ec2/internetGateway:InternetGateway": "igw",
    "aws:ec2/eip:Eip": "eipalloc",
    "aws:ec2/natGateway:NatGateway": "nat",
    "aws:ec2/routeTable:RouteTable": "rtb",
    "aws:ec2/securityGroup:SecurityGroup": "sg",
    "aws:ec2/vpcEndpoint:VpcEndpoint": "vpce",
    "aws:ec2/launchTemplate:LaunchTemplate": "lt",
    "aws:ec2/flowLog:FlowLog": "fl",
}


def _key(id_: str, inputs: dict[str, Any], region: str, account: str) -> dict[str, Any]:
    return {"keyId": id_, "arn": f"arn:aws:kms:{region}:{account}:key/{id_}"}


def _database(id_: str, inputs: dict[str, Any], region: str, account: str) -> dict[str, Any]:
    host = f"{id_}.{digest(id_)}.{region}.rds.amazonaws.com"
    return {
        "arn": f"arn:aws:rds:{region}:{account}:db:{id_}",
        "address": host,
        "port": 5432,
        "endpoint": f"{host}:5432",
        "resourceId": f"db-{digest(id_, 12).upper()}",
    }


def _load_balancer(id_: str, inputs: dict[str, Any], region: str, account: str) -> dict[str, Any]:
    return {
        "dnsName": f"{id_}-{digest(id_)}.{region}.elb.amazonaws.com",
        "zoneId": "Z3AADJGX6KTTL2",
        "arnSuffix": f"app/{id_}",
    }


def _zone(id_: str, inputs: dict[str, Any], region: str, account: str) -> dict[str, Any]:
    return {"zoneId": id_, "nameServers": [f"ns-{n}.awsdns-0{n}.org" for n in range(1, 5)]}


def _certificate(id_: str, inputs: dict[str, Any], region: str, account: str) -> dict[str, Any]:
    names = [inputs["domainName"], *inputs.get("subjectAlternativeNames", [])]
    options = [
        {
            "domainName": name,
            "resourceRecordName": f"_{digest(name.removeprefix('*.'))}.{name.removeprefix('*.')}.",
            "resourceRecordType": "CNAME",
            "resourceRecordValue": f"_{digest(name)}.acm-validations.aws.",
        }
        for name in names
    ]
    return {"arn": f"arn:aws:acm:{region}:{account}:certificate/{id_}", "domainValidationOptions": options}


def _validation(id_: str, inputs: dict[str, Any], region: str, account: str) -> dict[str, Any]:
    return {"certificateArn": inputs["certificateArn"]}


def _function(id_: str, inputs: dict[str, Any], region: str, account: str) -> dict[str, Any]:
    return {"arn": f"arn:aws:cloudfront::{account}:function/{id_}"}


def _distribution(id_: str, inputs: dict[str, Any], region: str, account: str) -> dict[str, Any]:
    return {
        "arn": f"arn:aws:cloudfront::{account}:distribution/{id_}",
        "domainName": f"{digest(id_, 14)}.cloudfront.net",
        "hostedZoneId": "Z2FDTNDATAQYW2",
    }


def _eks_component(id_: str, inputs: dict[str, Any], region: str, account: str) -> dict[str, Any]:
    name = str(inputs.get("name", id_))
    kubeconfig = {"clusters": [{"name": name, "cluster": {"server": f"https://{name}.eks"}}]}
    issuer = f"oidc.eks.{region}.amazonaws.com/id/{digest(name, 32).upper()}"
    return {
        "kubeconfig": kubeconfig,
        "kubeconfigJson": json.dumps(kubeconfig),
        "clusterSecurityGroupId": f"sg-{digest(name + 'cluster', 17)}",
        "nodeSecurityGroupId": f"sg-{digest(name + 'node', 17)}",
        "awsProvider": "",
        "clusterIngressRuleId": f"sgr-{digest(name, 17)}",
        "oidcIssuer": issuer,
        "oidcProviderArn": f"arn:aws:iam::{account}:oidc-provider/{issuer}",
        "oidcProviderUrl": issuer,
        "autoModeNodeRoleName": "",
        "fargateProfileId": "",
        "fargateProfileStatus": "",
    }


def _bucket(id_: str, inputs: dict[str, Any], region: str, account: str) -> dict[str, Any]:
    name = str(inputs.get("bucket", id_))
    return {
        "bucket": name,
        "arn": f"arn:aws:s3:::{name}",
        "bucketDomainName": f"{name}.s3.amazonaws.com",
        "bucketRegionalDomainName": f"{name}.s3.{region}.amazonaws.com",
    }


def _role(id_: str, inputs: dict[str, Any], region: str, account: str) -> dict[str, Any]:
    return {"arn": f"arn:aws:iam::{account}:role/{id_}", "uniqueId": f"AROA{digest(id_, 16).upper()}"}


def _target_group(id_: str, inputs: dict[str, Any], region: str, account: str) -> dict[str, Any]:
    return {"arn": f"arn:aws:elasticloadbalancing:{region}:{account}:targetgroup/{id_}/{digest(id_, 16)}"}


def _log_group(id_: str, inputs: dict[str, Any], region: str, account: str) -> dict[str, Any]:
    return {"arn": f"arn:aws:logs:{region}:{account}:log-group:{id_}"}


def _table(id_: str, inputs: dict[str, Any], region: str, account: str) -> dict[str, Any]:
    return {"arn": f"arn:aws:dynamodb:{region}:{account}:table/{inputs.get('name', LEDGER_TABLE)}"}


def _topic(id_: str, inputs: dict[str, Any], region: str, account: str) -> dict[str, Any]:
    return {"arn": f"arn:aws:sns:{region}:{account}:{id_}"}


def _workspace(id_: str, inputs: dict[str, Any], region: str, account: str) -> dict[str, Any]:
    return {
        "arn": f"arn:aws:aps:{region}:{account}:workspace/{id_}",
        "prometheusEndpoint": f"https://aps-workspaces.{region}.amazonaws.com/workspaces/{id_}/",
    }


_EXTRA: dict[str, Any] = {
    "aws:amp/workspace:Workspace": _workspace,
    "aws:kms/key:Key": _key,
    "aws:kms/replicaKey:ReplicaKey": _key,
    "aws:rds/instance:Instance": _database,
    "aws:lb/targetGroup:TargetGroup": _target_group,
    "aws:cloudwatch/logGroup:LogGroup": _log_group,
    "aws:lb/loadBalancer:LoadBalancer": _load_balancer,
    "aws:route53/zone:Zone": _zone,
    "aws:route53/record:Record": lambda id_, inputs, r, a: {"fqdn": inputs["name"]},
    "aws:acm/certificate:Certificate": _certificate,
    "aws:cloudfront/function:Function": _function,
    "aws:cloudfront/distribution:Distribution": _distribution,
    "aws:acm/certificateValidation:CertificateValidation": _validation,
    "aws:s3/bucket:Bucket": _bucket,
    "aws:iam/role:Role": _role,
    "aws:dynamodb/table:Table": _table,
    "aws:sns/topic:Topic": _topic,
    "eks:index:Cluster": _eks_component,
    "aws:eks/cluster:Cluster": lambda id_, i, r, a: {
        "endpoint": f"https://{id_}.eks",
        "certificateAuthorities": [{"data": ""}],
    },
    "aws:ec2/launchTemplate:LaunchTemplate": lambda id_, i, r, a: {"latestVersion": 1},
    "random:index/randomPassword:RandomPassword": lambda id_, i, r, a: {"result": digest(id_, 40)},
}
