"""A stand-in for pulumi-eks' remote component `eks:index:Cluster`: `python -m rehearsal.providers.eks` prints its port.

It registers the children that matter to a recovery (role, EKS cluster) under pulumi-eks' own names, with the AWS
stand-in behind them. It runs in a process of its own because the SDK keeps its settings in global variables.

The names of the component's children are those of pulumi-eks 4, `nodejs/eks/cluster/cluster.ts`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import grpc
import pulumi
import pulumi_aws as aws
from google.protobuf import empty_pb2
from pulumi.provider import ConstructResult, Provider
from pulumi.provider.server import ProviderServicer
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

VERSION = "4.4.0"
_INPUTS = {
    "authenticationMode",
    "bootstrapSelfManagedAddons",
    "corednsAddonOptions",
    "deletionProtection",
    "enabledClusterLogTypes",
    "encryptionConfigKeyArn",
    "endpointPrivateAccess",
    "endpointPublicAccess",
    "kubeProxyAddonOptions",
    "name",
    "privateSubnetIds",
    "publicAccessCidrs",
    "publicSubnetIds",
    "serviceRole",
    "skipDefaultNodeGroup",
    "skipDefaultSecurityGroups",
    "tags",
    "upgradePolicy",
    "useDefaultVpcCni",
    "version",
    "vpcId",
}
"""The component's inputs that this stand-in knows. Any other input is an error and never ignored."""


class Cluster(pulumi.ComponentResource):
    """The component, with the children that the program's other resources need."""

    def __init__(self, name: str, inputs: dict[str, Any], opts: pulumi.ResourceOptions | None) -> None:
        super().__init__("eks:index:Cluster", name, {}, opts)
        tags = inputs.get("tags")
        role_arn = inputs["serviceRole"] if "serviceRole" in inputs else self._role(name, tags).arn
        subnets = [*(inputs.get("publicSubnetIds") or []), *(inputs.get("privateSubnetIds") or [])]
        self.cluster = aws.eks.Cluster(
            f"{name}-eksCluster",
            name=inputs.get("name"),
            role_arn=role_arn,
            version=inputs.get("version"),
            enabled_cluster_log_types=inputs.get("enabledClusterLogTypes"),
            deletion_protection=inputs.get("deletionProtection"),
            access_config={"authentication_mode": inputs.get("authenticationMode", "API")},
            encryption_config={"provider": {"key_arn": inputs["encryptionConfigKeyArn"]}, "resources": ["secrets"]},
            vpc_config={
                "subnet_ids": subnets,
                "endpoint_private_access": inputs.get("endpointPrivateAccess"),
                "endpoint_public_access": inputs.get("endpointPublicAccess"),
                "public_access_cidrs": inputs.get("publicAccessCidrs"),
            },
            bootstrap_self_managed_addons=inputs.get("bootstrapSelfManagedAddons"),
            upgrade_policy={"support_type": (inputs.get("upgradePolicy") or {}).get("supportType", "EXTENDED")},
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self, protect=opts.protect if opts else None),
        )
        self.register_outputs({})

    def _role(self, name: str, tags: Any) -> aws.iam.Role:
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ],
        }
        own = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(f"{name}-eksRole-role", assume_role_policy=json.dumps(trust), tags=tags, opts=own)
        aws.iam.RolePolicyAttachment(
            f"{name}-eksRole-4b490823",
            role=role.name,
            policy_arn="arn:aws:iam::aws:policy/AmazonEKSClusterPolicy",
            opts=own,
        )
        return role


def _issuer(identities: Sequence[aws.eks.outputs.ClusterIdentity] | None) -> str:
    providers = identities[0].oidcs if identities else None
    return (providers[0].issuer or "") if providers else ""


def _outputs(component: Cluster, inputs: dict[str, Any]) -> dict[str, Any]:
    name, endpoint = component.cluster.name, component.cluster.endpoint
    kubeconfig = pulumi.Output.all(name, endpoint).apply(
        lambda known: {"clusters": [{"name": known[0], "cluster": {"server": known[1]}}]}
    )
    group = component.cluster.vpc_config.apply(lambda vpc_config: vpc_config.cluster_security_group_id or "")
    issuer = component.cluster.identities.apply(_issuer)
    return {
        "kubeconfig": kubeconfig,
        "kubeconfigJson": kubeconfig.apply(json.dumps),
        "clusterSecurityGroupId": group,
        "nodeSecurityGroupId": group,
        "oidcIssuer": issuer,
        "oidcProviderArn": "",
        "oidcProviderUrl": issuer,
    }


class EksProvider(Provider):
    """Builds the component."""

    def __init__(self) -> None:
        super().__init__(VERSION, "{}")

    def construct(
        self, name: str, resource_type: str, inputs: Any, options: pulumi.ResourceOptions | None = None
    ) -> ConstructResult:
        """Build a cluster.

        Raises:
            ValueError: for another component, or an input that the stand-in does not know.
        """
        if resource_type != "eks:index:Cluster":
            raise ValueError(f"{resource_type}: the eks stand-in knows eks:index:Cluster alone")
        unknown = sorted(set(inputs) - _INPUTS)
        if unknown:
            raise ValueError(f"eks:index:Cluster: the eks stand-in does not know {', '.join(unknown)}")
        component = Cluster(name, dict(inputs), options)
        return ConstructResult(component.urn, _outputs(component, dict(inputs)))


class _Servicer(ProviderServicer):
    async def Attach(self, request: Any, context: Any) -> empty_pb2.Empty:
        return empty_pb2.Empty()

    async def Handshake(self, request: Any, context: Any) -> provider_pb2.ProviderHandshakeResponse:
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, accept_resources=True, accept_outputs=True)

    async def CheckConfig(self, request: Any, context: Any) -> provider_pb2.CheckResponse:
        return provider_pb2.CheckResponse(inputs=request.news)

    async def DiffConfig(self, request: Any, context: Any) -> provider_pb2.DiffResponse:
        return provider_pb2.DiffResponse()

    async def Configure(self, request: Any, context: Any) -> provider_pb2.ConfigureResponse:
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, acceptResources=True, acceptOutputs=True, supportsPreview=True
        )


async def serve() -> None:
    """Serve until the process ends."""
    server = grpc.aio.server()
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(_Servicer(EksProvider(), [], engine_address=""), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(serve())
