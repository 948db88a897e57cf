"""The logs of pods: their groups, and the collector on every node."""

import json
from fnmatch import fnmatch
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pytest
from ruamel.yaml import YAML

from components.kube import log_collector
from components.pod_logs import DATA, LogCollector, LogCollectorArgs, PodLogGroups, PodLogGroupsArgs
from engine.recorder import record
from engine.registration import Registration
from policy import iam
from recovery.naming import LOGGING_NAMESPACE, NAMESPACE
from rehearsal.providers.kubernetes import schemas
from tests.harness import PRIMARY_LEADS, deploy, site


def registered() -> dict[str, Registration]:
    def program() -> None:
        PodLogGroups("pod-logs", PodLogGroupsArgs(key_arn="arn:aws:kms:us-east-2:123456789012:key/1", site=site()))
        provider = kubernetes.Provider("cluster", kubeconfig="{}")
        args = LogCollectorArgs(site=site(), after=())
        LogCollector("log-collector", args, pulumi.ResourceOptions(provider=provider))

    return {entry.name: entry for entry in record(program) if entry.custom}


RESOURCES = registered()
DAEMON: dict[str, Any] = RESOURCES["log-collector-daemonset"].inputs
POD: dict[str, Any] = DAEMON["spec"]["template"]["spec"]
CONFIG: dict[str, Any] = YAML(typ="safe").load(log_collector.configuration())


def files_of(tag: str, *names: str) -> list[str]:
    (tail,) = (entry for entry in CONFIG["pipeline"]["inputs"] if entry["tag"] == f"{tag}.*")
    excluded = tail.get("exclude_path", "").split(",")
    paths = [f"/var/log/containers/{name}" for name in names]
    return [
        path.rpartition("/")[2]
        for path in paths
        if fnmatch(path, tail["path"]) and not any(fnmatch(path, entry) for entry in excluded)
    ]


def test_every_object_is_valid_in_the_clusters_version() -> None:
    manifests = [entry.inputs for entry in RESOURCES.values() if entry.type.startswith("kubernetes:")]
    assert [problem for entry in manifests for problem in schemas.problems(entry, version="1.34")] == []


@pytest.mark.parametrize(("pods", "days", "data"), [("platform", 2192, "phi"), ("system", 365, "operational")])
def test_a_group_keeps_its_lines_as_long_as_their_class_demands(pods: str, days: int, data: str) -> None:
    group = RESOURCES[f"pod-logs-{pods}"].inputs
    assert (group["name"], group["retentionInDays"]) == (f"/lifeline/primary/pods/{pods}", days)
    assert group["tags"]["lifeline:data"] == data
    assert group["kmsKeyId"]


def test_the_lines_of_each_pod_go_to_one_group_and_the_collectors_own_to_none() -> None:
    backend, dns, own = (
        f"b-1_{NAMESPACE}_b-0a.log",
        "coredns-1_kube-system_dns-0a.log",
        f"f_{LOGGING_NAMESPACE}_f-0a.log",
    )
    assert files_of("platform", backend, dns, own) == [backend]
    assert files_of("system", backend, dns, own) == [dns]


def test_each_output_takes_one_input_and_writes_to_its_declared_group() -> None:
    variables = {entry["name"]: entry["value"] for entry in POD["containers"][0]["env"]}
    outputs = {entry["match"]: entry for entry in CONFIG["pipeline"]["outputs"]}
    assert sorted(outputs) == sorted(entry["tag"] for entry in CONFIG["pipeline"]["inputs"])
    for pods in DATA:
        output = outputs[f"{pods}.*"]
        assert variables[output["log_group_name"].strip("${}")] == RESOURCES[f"pod-logs-{pods}"].inputs["name"]
        assert variables[output["region"].strip("${}")] == "us-east-2"
        assert output["auto_create_group"] is False


def test_positions_and_waiting_lines_survive_the_pod() -> None:
    (state,) = (volume["hostPath"]["path"] for volume in POD["volumes"] if volume["name"] == "state")
    kept = [entry["db"] for entry in CONFIG["pipeline"]["inputs"]] + [CONFIG["service"]["storage.path"]]
    assert all(path.startswith(f"{state}/") for path in kept)
    assert {entry["storage.type"] for entry in CONFIG["pipeline"]["inputs"]} == {"filesystem"}
    assert {entry["retry_limit"] for entry in CONFIG["pipeline"]["outputs"]} == {"no_limits"}


def test_the_collector_runs_on_every_node_and_can_change_nothing_but_its_own_folder() -> None:
    (container,) = POD["containers"]
    assert POD["tolerations"] == [{"operator": "Exists"}]
    writable = [mount["name"] for mount in container["volumeMounts"] if not mount.get("readOnly")]
    assert writable == ["state"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert POD["automountServiceAccountToken"] is False


def test_the_collector_writes_to_the_groups_of_its_site_and_reads_nothing() -> None:
    stack = {entry.name: entry for entry in deploy("primary", PRIMARY_LEADS)}
    policy = json.loads(stack["log-collector-identity-policy"].inputs["policy"])
    group = "arn:aws:logs:us-east-2:123456789012:log-group:{}:log-stream:pods-1"
    requests = [
        ("logs:PutLogEvents", "/lifeline/primary/pods/platform"),
        ("logs:PutLogEvents", "/aws/eks/lifeline-primary-1/cluster"),
        ("logs:GetLogEvents", "/lifeline/primary/pods/platform"),
    ]
    answers = [iam.allows(policy, iam.Request(action=act, resource=group.format(name))) for act, name in requests]
    assert answers == [True, False, False]


def test_every_log_of_pods_and_of_the_firewall_is_copied_to_the_other_region() -> None:
    stack = deploy("primary", PRIMARY_LEADS)
    groups = {entry.inputs["name"] for entry in stack if entry.type.endswith(":LogGroup") and "name" in entry.inputs}
    copied = {entry.inputs["logGroup"] for entry in stack if entry.type.endswith(":LogSubscriptionFilter")}
    assert groups - copied == set()
