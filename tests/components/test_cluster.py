"""The cluster of a site, its nodes and its add-ons."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.cluster import Cluster, ClusterArgs
from components.identity import PodIdentity, PodIdentityArgs
from components.nodes import MANAGED_POLICIES, NodesArgs, ami_type, spread
from engine.recorder import record
from engine.registration import Registration
from tests.harness import site

KEY = "arn:aws:kms:us-east-2:123456789012:key/cluster"
LOGS_KEY = "arn:aws:kms:us-east-2:123456789012:key/logs"
EARLY = ["eks-pod-identity-agent", "kube-proxy", "vpc-cni"]
LATE = ["aws-ebs-csi-driver", "aws-secrets-store-csi-driver-provider", "coredns", "metrics-server"]

ARGS = ClusterArgs(
    cluster_name="lifeline-primary-1",
    version="1.34",
    vpc_id="vpc-1",
    public_subnet_ids=("subnet-p1", "subnet-p2", "subnet-p3"),
    private_subnet_ids=("subnet-1", "subnet-2", "subnet-3"),
    key_arn=KEY,
    logs_key_arn=LOGS_KEY,
    public_access_cidrs=(),
    operator_cidrs=(),
    protect=True,
    delete_unreachable=False,
    node_instance_type="m7i.large",
    node_minimum=7,
    node_maximum=12,
    node_disk_gib=80,
    site=site(),
)


def deploy(args: ClusterArgs = ARGS) -> dict[str, Registration]:
    return {resource.name: resource for resource in record(lambda: Cluster("cluster-1", args))}


@pytest.fixture(scope="module")
def cluster() -> dict[str, Registration]:
    return deploy()


def names(resources: dict[str, Registration], kind: str) -> list[str]:
    return sorted(name for name, entry in resources.items() if entry.type.rsplit(":", 1)[-1] == kind)


def addon(cluster: dict[str, Registration], name: str) -> Registration:
    return cluster[f"cluster-1-{'early' if name in EARLY else 'late'}-{name}"]


def test_the_api_server_is_private_when_nobody_outside_is_named(cluster):
    inputs = cluster["cluster-1-eks"].inputs
    assert (inputs["endpointPrivateAccess"], inputs["endpointPublicAccess"]) == (True, False)
    assert "publicAccessCidrs" not in inputs, "EKS refuses ranges for an endpoint that is not public"


def test_the_api_server_is_public_for_exactly_the_ranges_named():
    inputs = deploy(replace(ARGS, public_access_cidrs=("203.0.113.0/24",)))["cluster-1-eks"].inputs
    assert (inputs["endpointPrivateAccess"], inputs["endpointPublicAccess"]) == (True, True)
    assert inputs["publicAccessCidrs"] == ["203.0.113.0/24"]


def test_the_cluster_is_encrypted_logged_and_open_to_access_entries_alone(cluster):
    inputs = cluster["cluster-1-eks"].inputs
    assert inputs["encryptionConfigKeyArn"] == KEY
    assert inputs["enabledClusterLogTypes"] == ["api", "audit", "authenticator", "controllerManager", "scheduler"]
    assert inputs["authenticationMode"] == "API"


@pytest.mark.parametrize("protect", [True, False])
def test_pulumi_and_eks_refuse_to_delete_the_cluster_exactly_when_asked(protect):
    resource = deploy(replace(ARGS, protect=protect))["cluster-1-eks"]
    assert (resource.protect, resource.inputs["deletionProtection"]) == (protect, protect)


def test_nothing_makes_the_component_look_anything_up_in_aws(cluster):
    inputs = cluster["cluster-1-eks"].inputs
    assert inputs["corednsAddonOptions"] == {"enabled": False}
    assert inputs["kubeProxyAddonOptions"] == {"enabled": False}
    assert (inputs["useDefaultVpcCni"], inputs["bootstrapSelfManagedAddons"]) == (True, False)
    assert inputs["vpcId"] == "vpc-1"


def test_the_component_makes_no_nodes_and_no_security_groups_of_its_own(cluster):
    inputs = cluster["cluster-1-eks"].inputs
    assert (inputs["skipDefaultNodeGroup"], inputs["skipDefaultSecurityGroups"]) == (True, True)


def test_the_cluster_is_not_upgraded_behind_the_operators_back(cluster):
    assert cluster["cluster-1-eks"].inputs["upgradePolicy"] == {"supportType": "EXTENDED"}


def test_the_log_group_is_there_encrypted_before_eks_would_make_its_own(cluster):
    logs = cluster["cluster-1-logs"]
    assert logs.inputs["name"] == "/aws/eks/lifeline-primary-1/cluster"
    assert (logs.inputs["kmsKeyId"], logs.inputs["retentionInDays"]) == (LOGS_KEY, 2192)
    assert logs.urn in cluster["cluster-1-eks"].dependencies


def test_there_is_one_node_group_a_zone_and_its_minimum_is_always_running(cluster):
    groups = [cluster[f"cluster-1-nodes-{zone}"].inputs for zone in (1, 2, 3)]
    assert names(cluster, "NodeGroup") == ["cluster-1-nodes-1", "cluster-1-nodes-2", "cluster-1-nodes-3"]
    assert [entry["subnetIds"] for entry in groups] == [["subnet-1"], ["subnet-2"], ["subnet-3"]]
    assert [entry["scalingConfig"] for entry in groups] == [
        {"minSize": 3, "maxSize": 4, "desiredSize": 3},
        {"minSize": 2, "maxSize": 4, "desiredSize": 2},
        {"minSize": 2, "maxSize": 4, "desiredSize": 2},
    ]
    assert {entry["capacityType"] for entry in groups} == {"ON_DEMAND"}
    assert {entry["version"] for entry in groups} == {"1.34"}


def test_nodes_refuse_the_first_metadata_service_and_keep_pods_from_the_second(cluster):
    assert cluster["cluster-1-nodes-template"].inputs["metadataOptions"] == {
        "httpEndpoint": "enabled",
        "httpTokens": "required",
        "httpPutResponseHopLimit": 1,
    }


def test_the_disks_of_nodes_are_encrypted_with_the_clusters_key(cluster):
    (device,) = cluster["cluster-1-nodes-template"].inputs["blockDeviceMappings"]
    assert device["ebs"] == {
        "volumeSize": 80,
        "volumeType": "gp3",
        "encrypted": "true",
        "kmsKeyId": KEY,
        "deleteOnTermination": "true",
    }


def test_the_instance_type_stands_where_a_change_rolls_nodes_instead_of_replacing_groups(cluster):
    assert cluster["cluster-1-nodes-template"].inputs["instanceType"] == "m7i.large"
    assert all("instanceTypes" not in cluster[name].inputs for name in names(cluster, "NodeGroup"))


def test_instances_and_volumes_carry_the_sites_tags(cluster):
    tagged = cluster["cluster-1-nodes-template"].inputs["tagSpecifications"]
    assert [entry["resourceType"] for entry in tagged] == ["instance", "volume", "network-interface"]
    assert {entry["tags"]["lifeline:site"] for entry in tagged} == {"primary"}


def test_nodes_may_join_pull_and_open_a_session_and_nothing_else(cluster):
    attached = {
        entry.inputs["policyArn"]
        for entry in cluster.values()
        if entry.type.endswith("RolePolicyAttachment") and entry.inputs["role"].startswith("cluster-1-nodes-role")
    }
    assert attached == set(MANAGED_POLICIES.values())


def test_nodes_wait_for_the_cluster_their_policies_and_the_add_ons_that_make_them_ready(cluster):
    needed = {
        cluster["cluster-1-eks"].urn,
        *(cluster[f"cluster-1-nodes-{purpose}"].urn for purpose in MANAGED_POLICIES),
        *(addon(cluster, name).urn for name in EARLY),
    }
    for group in names(cluster, "NodeGroup"):
        assert needed <= set(cluster[group].dependencies)


def test_add_ons_that_need_nodes_wait_for_all_of_them(cluster):
    groups = {cluster[name].urn for name in names(cluster, "NodeGroup")}
    assert [groups <= set(addon(cluster, name).dependencies) for name in LATE] == [True] * 4
    assert [groups.isdisjoint(addon(cluster, name).dependencies) for name in EARLY] == [True] * 3


def test_exactly_these_add_ons_are_installed_and_win_over_changes_by_hand(cluster):
    resources = [cluster[name].inputs for name in names(cluster, "Addon")]
    assert sorted(entry["addonName"] for entry in resources) == sorted(EARLY + LATE)
    assert {entry["clusterName"] for entry in resources} == {"lifeline-primary-1"}
    assert {entry["resolveConflictsOnCreate"] for entry in resources} == {"OVERWRITE"}
    assert {entry["resolveConflictsOnUpdate"] for entry in resources} == {"OVERWRITE"}


def test_network_policies_are_enforced(cluster):
    assert json.loads(addon(cluster, "vpc-cni").inputs["configurationValues"]) == {"enableNetworkPolicy": "true"}


@pytest.mark.parametrize(
    ("name", "service_account", "policy"),
    [
        ("vpc-cni", "aws-node", "AmazonEKS_CNI_Policy"),
        ("aws-ebs-csi-driver", "ebs-csi-controller-sa", "service-role/AmazonEBSCSIDriverPolicy"),
    ],
)
def test_an_add_on_that_calls_aws_has_a_role_that_its_pods_alone_can_assume(cluster, name, service_account, policy):
    resource = addon(cluster, name)
    role, attachment = cluster[f"{resource.name}-role"], cluster[f"{resource.name}-policy"]
    (association,) = resource.inputs["podIdentityAssociations"]
    (trust,) = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
    assert association["serviceAccount"] == service_account
    assert f":role/{role.name}-" in association["roleArn"]
    assert attachment.inputs["policyArn"] == f"arn:aws:iam::aws:policy/{policy}"
    assert attachment.urn in resource.dependencies
    assert trust["Condition"]["StringEquals"] == {
        "aws:RequestTag/eks-cluster-name": "lifeline-primary-1",
        "aws:RequestTag/kubernetes-namespace": "kube-system",
        "aws:RequestTag/kubernetes-service-account": service_account,
    }


def test_the_other_add_ons_have_no_permissions(cluster):
    associated = [name for name in EARLY + LATE if "podIdentityAssociations" in addon(cluster, name).inputs]
    assert associated == ["vpc-cni", "aws-ebs-csi-driver"]


def test_the_provider_keeps_the_kubeconfig_secret_and_outlives_a_renewed_certificate(cluster):
    provider = cluster["cluster-1-kubernetes"]
    assert provider.type == "pulumi:providers:kubernetes"
    assert "kubeconfig" in provider.secrets
    assert provider.inputs["clusterIdentifier"] == "lifeline-primary-1"
    assert provider.inputs["enableServerSideApply"] in {"true", True}


def test_the_clusters_name_is_no_secret_and_waits_for_the_cluster():
    def program() -> None:
        made = Cluster("cluster-1", ARGS)
        pod = {"namespace": "kube-system", "service_account": "probe", "policy": "{}"}
        PodIdentity("probe", PodIdentityArgs(cluster_name=made.name, site=ARGS.site, **pod))

    association = next(resource for resource in record(program) if resource.name == "probe-association")
    assert association.inputs["clusterName"] == "lifeline-primary-1"
    assert association.secrets == frozenset()
    assert "cluster-1-eks" in [urn.rsplit("::", 1)[-1] for urn in association.dependencies]


def test_workloads_can_wait_for_nodes_and_the_add_ons_that_run_on_them():
    made: list[Cluster] = []
    record(lambda: made.append(Cluster("cluster-1", ARGS)))
    waits = sorted(resource._name for resource in made[0].nodes)
    assert waits == sorted(
        [f"cluster-1-nodes-{zone}" for zone in (1, 2, 3)] + [f"cluster-1-late-{name}" for name in LATE]
    )


def test_named_networks_reach_the_private_endpoint_and_no_other_port():
    resources = deploy(replace(ARGS, operator_cidrs=("10.99.0.0/16", "192.168.7.0/24")))
    rules = [entry for entry in resources.values() if entry.type.endswith(":SecurityGroupIngressRule")]
    keys = ("cidrIpv4", "ipProtocol", "fromPort", "toPort")
    assert [tuple(rule.inputs[key] for key in keys) for rule in rules] == [
        ("10.99.0.0/16", "tcp", 443, 443),
        ("192.168.7.0/24", "tcp", 443, 443),
    ]
    assert {rule.links["securityGroupId"] for rule in rules} == {(resources["cluster-1-eks"].urn,)}


def test_without_named_networks_only_nodes_reach_the_private_endpoint(cluster):
    assert names(cluster, "SecurityGroupIngressRule") == []


@pytest.mark.parametrize("dead", [True, False])
def test_objects_of_a_dead_cluster_are_forgotten_and_those_of_a_living_one_deleted(dead):
    provider = deploy(replace(ARGS, delete_unreachable=dead))["cluster-1-kubernetes"]
    assert provider.inputs.get("deleteUnreachable") == ("true" if dead else None)


def test_the_audit_log_outlives_the_cluster(cluster):
    assert cluster["cluster-1-logs"].inputs["skipDestroy"] is True


def test_add_ons_and_nodes_have_the_versions_that_the_configuration_names(cluster):
    chosen = {"coredns": "v1.12.4-eksbuild.1"}
    resources = deploy(replace(ARGS, addon_versions=chosen, node_release_version="1.34.2-20261101"))
    versions = {name: addon(resources, name).inputs.get("addonVersion") for name in (*EARLY, *LATE)}
    assert {name: version for name, version in versions.items() if version} == chosen
    nodes = [resources[f"cluster-1-nodes-{zone}"].inputs for zone in (1, 2, 3)]
    assert {group["releaseVersion"] for group in nodes} == {"1.34.2-20261101"}
    assert "releaseVersion" not in cluster["cluster-1-nodes-1"].inputs


def test_the_generation_shows_in_names_alone():
    first = deploy()
    second = {
        resource.name: resource
        for resource in record(lambda: Cluster("cluster-2", replace(ARGS, cluster_name="lifeline-primary-2")))
    }
    assert sorted(name.replace("cluster-1", "cluster-2") for name in first) == sorted(second)


@given(st.integers(3, 200), st.integers(0, 100))
def test_nodes_are_spread_evenly_and_no_zone_may_shrink_below_its_minimum(minimum, more):
    low, high = spread(minimum, 3), spread(minimum + more, 3)
    assert (sum(low), sum(high)) == (minimum, minimum + more)
    assert max(low) - min(low) <= 1
    assert all(one <= other for one, other in zip(low, high, strict=True))


@pytest.mark.parametrize(("minimum", "maximum"), [(2, 12), (6, 5)])
def test_node_counts_that_cannot_be_spread_are_refused(minimum, maximum):
    with pytest.raises(ValueError, match=f"minimum is {minimum}, maximum {maximum}"):
        NodesArgs(
            cluster_name="c",
            after=(),
            version="1.34",
            subnet_ids=ARGS.private_subnet_ids,
            instance_type="m7i.large",
            minimum=minimum,
            maximum=maximum,
            disk_gib=80,
            key_arn=KEY,
            site=ARGS.site,
        )


@pytest.mark.parametrize("instance_type", ["m7g.large", "c7gn.xlarge", "t4g.medium", "im4gn.large", "x2gd.large"])
def test_graviton_gets_an_arm_image(instance_type):
    assert ami_type(instance_type) == "AL2023_ARM_64_STANDARD"


@pytest.mark.parametrize("instance_type", ["m7i.large", "m7a.large", "m7i-flex.large", "t3.medium", "c6id.xlarge"])
def test_other_instances_get_an_x86_image(instance_type):
    assert ami_type(instance_type) == "AL2023_x86_64_STANDARD"
