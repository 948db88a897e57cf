"""EKS clusters and node groups.

moto drops the settings for access, upgrades and deletion. The table `eks-clusters` keeps them, by `<region>/<name>`.
"""

from __future__ import annotations

from typing import Any

from rehearsal.providers.aws.adapter import Adapter, Call, Created, remover, words
from rehearsal.providers.backend import Plain, UnsupportedError, digest

_NAMES = {"vpcConfig": "resourcesVpcConfig", "nodeRoleArn": "nodeRole", "subnetIds": "subnets"}
_CLUSTER_KEYS = words(
    "name version roleArn vpcConfig accessConfig encryptionConfig kubernetesNetworkConfig tags deletionProtection"
    " upgradePolicy bootstrapSelfManagedAddons zonalShiftConfig"
)
_CLUSTER_UPDATES = words(
    "version vpcConfig accessConfig enabledClusterLogTypes deletionProtection upgradePolicy zonalShiftConfig"
)


def _logging(call: Call) -> Plain:
    types = call.inputs.get("enabledClusterLogTypes")
    return {"logging": {"clusterLogging": [{"types": types, "enabled": True}]}} if types else {}


def _create_cluster(call: Call) -> Created:
    name: str = call.inputs["name"]
    vpc = call.do("DescribeSubnets", service="ec2", SubnetIds=call.inputs["vpcConfig"]["subnetIds"][:1])["Subnets"][0][
        "VpcId"
    ]
    names = {"vpcConfig": "resourcesVpcConfig"}
    made = call.send("CreateCluster", _CLUSTER_KEYS, renames=names, **_logging(call))["cluster"]
    group = call.do(
        "CreateSecurityGroup",
        service="ec2",
        GroupName=f"eks-cluster-sg-{name}-{digest(call.urn, 8)}",
        Description="EKS created security group applied to the control plane and managed nodes",
        VpcId=vpc,
    )["GroupId"]
    call.table("eks-clusters")[f"{call.region}/{name}"] = {"group": group}
    return name, _cluster_outputs(call, made, group, vpc)


def _cluster_outputs(call: Call, made: Plain, group: str, vpc: str) -> Plain:
    authority = {"data": made["certificateAuthority"]["data"]}
    return {
        "arn": made["arn"],
        "endpoint": made["endpoint"],
        "status": "ACTIVE",
        "platformVersion": made.get("platformVersion", ""),
        "certificateAuthority": authority,
        "certificateAuthorities": [authority],
        "identities": [{"oidcs": [{"issuer": made["identity"]["oidc"]["issuer"]}]}],
        "vpcConfig": {**call.inputs["vpcConfig"], "clusterSecurityGroupId": group, "vpcId": vpc},
    }


def _update_cluster(call: Call) -> Plain:
    """Validate an update without sending it: moto's update loses subnets and has no version."""
    if "version" in call.changed:
        call.pretend("UpdateClusterVersion", name=call.id, version=call.inputs["version"])
    changed = call.changed & (_CLUSTER_UPDATES - {"version", "enabledClusterLogTypes"})
    for key in sorted(changed):  # EKS takes one kind of change per call
        call.pretend(
            "UpdateClusterConfig",
            name=call.id,
            **call.translate("UpdateClusterConfig", (key,), {"vpcConfig": "resourcesVpcConfig"}),
        )
    if "enabledClusterLogTypes" in call.changed:
        call.pretend("UpdateClusterConfig", name=call.id, **_logging(call))
    return {"vpcConfig": {**call.outputs["vpcConfig"], **call.inputs["vpcConfig"]}}


def _delete_cluster(call: Call) -> None:
    if call.outputs.get("deletionProtection"):  # moto would delete it nevertheless
        raise UnsupportedError(f"InvalidRequestException: cluster {call.id} has deletion protection")
    call.do("DeleteCluster", name=call.id)
    record: Plain = call.table("eks-clusters").pop(f"{call.region}/{call.id}", {})
    if record:
        call.do("DeleteSecurityGroup", service="ec2", GroupId=record["group"])


_GROUP_KEYS = words(
    "clusterName nodeGroupName nodeRoleArn subnetIds scalingConfig updateConfig amiType capacityType instanceTypes"
    " diskSize labels taints launchTemplate version releaseVersion nodeRepairConfig tags"
)
_GROUP_CONFIG = words("scalingConfig updateConfig nodeRepairConfig")
_GROUP_VERSION = words("version releaseVersion launchTemplate")


def _create_group(call: Call) -> Created:
    made = call.send("CreateNodegroup", _GROUP_KEYS, renames=_NAMES)["nodegroup"]
    cluster, name = call.inputs["clusterName"], call.inputs["nodeGroupName"]
    scaling = [{"name": f"eks-{name}-{digest(call.urn, 8)}"}]
    resources = [{"autoscalingGroups": scaling, "remoteAccessSecurityGroupId": ""}]
    return f"{cluster}:{name}", {"arn": made["nodegroupArn"], "status": "ACTIVE", "resources": resources}


def _update_group(call: Call) -> Plain:
    target = {"clusterName": call.inputs["clusterName"], "nodegroupName": call.inputs["nodeGroupName"]}
    if "scalingConfig" in call.changed:
        call.send("UpdateNodegroupConfig", ("scalingConfig",), **target)
    others = call.changed & (_GROUP_CONFIG - {"scalingConfig"})
    if others:
        call.pretend("UpdateNodegroupConfig", **target, **call.translate("UpdateNodegroupConfig", others))
    if "taints" in call.changed:
        taints: list[Plain] = call.inputs.get("taints") or []
        call.pretend("UpdateNodegroupConfig", **target, taints={"addOrUpdateTaints": taints})
    if call.changed & _GROUP_VERSION:
        keys = call.changed & _GROUP_VERSION
        call.pretend("UpdateNodegroupVersion", **target, **call.translate("UpdateNodegroupVersion", keys))
    return {}


def _check_group(inputs: Plain) -> list[tuple[str, str]]:
    """Rules that AWS enforces and moto does not. Values that are not known yet are not compared."""
    scaling: Plain = inputs.get("scalingConfig") or {}
    sizes: list[Any] = [scaling.get(key) for key in ("minSize", "desiredSize", "maxSize")]
    if all(isinstance(size, int) for size in sizes) and sizes != sorted(sizes):
        return [("scalingConfig", f"minSize, desiredSize and maxSize are {sizes}, expected them in rising order")]
    return []


ADAPTERS = (
    Adapter(
        type="aws:eks/cluster:Cluster",
        service="eks",
        inputs=_CLUSTER_KEYS - {"tags"} | {"enabledClusterLogTypes"},
        create=_create_cluster,
        update=_update_cluster,
        updates=_CLUSTER_UPDATES,
        delete=_delete_cluster,
        name="name",
    ),
    Adapter(
        type="aws:eks/nodeGroup:NodeGroup",
        service="eks",
        inputs=_GROUP_KEYS - {"tags"} | {"nodeGroupNamePrefix"},
        create=_create_group,
        update=_update_group,
        updates=_GROUP_CONFIG | _GROUP_VERSION | {"taints"},
        delete=remover("DeleteNodegroup", clusterName="clusterName", nodegroupName="nodeGroupName"),
        name="nodeGroupName",
        check=_check_group,
    ),
)
