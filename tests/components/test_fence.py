"""The fence and the gate: their pods, their permissions, and the resources that wait for them."""

import copy
import json
import os
from collections.abc import Iterable
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pytest

from components.fence import Fence, FenceArgs, Handover, HandoverArgs
from components.kube import jobs, pods
from components.kube.services import SERVICES
from engine.recorder import record
from engine.registration import Registration
from recovery.naming import CONFIG_MAP, NAMESPACE
from recovery.timeline import DatabaseId
from rehearsal.providers.kubernetes import schemas
from rehearsal.providers.kubernetes.admission import _unmet
from tests.harness import FAILED_BACK, FAILED_OVER, PRIMARY_LEADS, deploy, only, site

IMAGE = f"operations@sha256:{'1' * 64}"
CONFIG = {key: key.lower() for key in (*jobs.FENCE_SETTINGS, "SITE", "SITE_ROLE", "EMERGENCY_READ_ONLY")}
LEDGER = "arn:aws:dynamodb:us-west-2:123456789012:table/lifeline-crisis-ledger"
PASSWORD = "arn:aws:secretsmanager:us-west-2:123456789012:secret:lifeline/database/password-??????"
JOB = "kubernetes:batch/v1:Job"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
POLICY = "aws:iam/rolePolicy:RolePolicy"


def fence_objects(**config: str) -> dict[str, Registration]:
    args = FenceArgs(config=CONFIG | config, image=IMAGE, strict=False, site=site("secondary"))

    def program() -> None:
        Fence("fence", args, pulumi.ResourceOptions(provider=kubernetes.Provider("cluster", kubeconfig="{}")))

    return {resource.name: resource for resource in record(program) if resource.type.startswith("kubernetes:")}


def gate(*, accept_loss: bool = False) -> dict[str, Any]:
    leader = DatabaseId("primary", 1)
    args = HandoverArgs(ending_epoch=1, leader=leader, accept_loss=accept_loss, image=IMAGE, site=site("secondary"))

    def program() -> None:
        Handover("handover-2", args, pulumi.ResourceOptions(provider=kubernetes.Provider("cluster", kubeconfig="{}")))

    return only(record(program), JOB).inputs


def gates(resources: Iterable[Registration]) -> list[str]:
    return [entry.name for entry in resources if entry.type == JOB and entry.name.startswith("handover")]


@pytest.fixture(scope="module")
def fence() -> dict[str, Registration]:
    return fence_objects()


@pytest.fixture(scope="module", params=["fence", "handover"])
def pod(request: pytest.FixtureRequest, fence: dict[str, Registration]) -> dict[str, Any]:
    """The pod template of either job."""
    made = fence["fence-pods"].inputs if request.param == "fence" else gate()
    return made["spec"]["template"]


def variables(template: dict[str, Any]) -> dict[str, str]:
    """The environment of a pod. A variable from the ConfigMap has its key as the value."""
    entries = template["spec"]["containers"][0]["env"]
    return {entry["name"]: entry.get("value") or entry["valueFrom"]["configMapKeyRef"]["key"] for entry in entries}


def checksum_of(**config: str) -> str:
    template = fence_objects(**config)["fence-pods"].inputs["spec"]["template"]
    return template["metadata"]["annotations"][pods.CHECKSUM_ANNOTATION]


def policy(stack: str, job: str) -> dict[str, dict[str, Any]]:
    """The permissions of a job's pods, by the names of the statements."""
    document = json.loads(only(deploy(stack), POLICY, f"{job}-identity-policy").inputs["policy"])
    return {statement.pop("Sid"): statement for statement in document["Statement"]}


def allow(action: str | list[str], resource: str, condition: dict[str, Any] | None = None) -> dict[str, Any]:
    actions = [action] if isinstance(action, str) else action
    made: dict[str, Any] = {"Effect": "Allow", "Action": actions, "Resource": [resource]}
    return made if condition is None else made | {"Condition": condition}


def keys(*patterns: str) -> dict[str, Any]:
    given = {"Null": {"dynamodb:LeadingKeys": "false"}}
    return given | {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": list(patterns)}}


READ_PASSWORD = allow(["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"], PASSWORD)


def test_the_fence_is_two_pods_their_budget_and_the_identities_of_both_jobs(fence):
    assert {name: resource.inputs["kind"] for name, resource in fence.items()} == {
        "fence-fence-account": "ServiceAccount",
        "fence-handover-account": "ServiceAccount",
        "fence-pods": "Deployment",
        "fence-budget": "PodDisruptionBudget",
    }
    assert fence["fence-pods"].inputs["spec"]["replicas"] == 2
    assert {resource.inputs["metadata"]["namespace"] for resource in fence.values()} == {NAMESPACE}


def test_every_object_is_valid_in_the_clusters_version(fence):
    manifests = [*(resource.inputs for resource in fence.values()), gate()]
    assert [problem for manifest in manifests for problem in schemas.problems(manifest, version="1.34")] == []


def test_no_identity_hands_its_pods_a_token_of_the_cluster(fence):
    accounts = [fence[f"fence-{job}-account"].inputs for job in ("fence", "handover")]
    assert [account["metadata"]["name"] for account in accounts] == ["fence", "handover"]
    assert [account["automountServiceAccountToken"] for account in accounts] == [False, False]


def test_the_pods_wait_for_their_identities(fence):
    accounts = {fence[f"fence-{job}-account"].urn for job in ("fence", "handover")}
    assert accounts <= set(fence["fence-pods"].dependencies)


def test_one_pod_at_a_time_may_go(fence):
    spec = fence["fence-budget"].inputs["spec"]
    labels = fence["fence-pods"].inputs["spec"]["template"]["metadata"]["labels"]
    assert spec["maxUnavailable"] == 1
    assert spec["selector"]["matchLabels"].items() <= labels.items()


def test_every_probe_asks_whether_the_last_look_is_recent(fence):
    container = fence["fence-pods"].inputs["spec"]["template"]["spec"]["containers"][0]
    probes = [container[f"{kind}Probe"]["exec"]["command"] for kind in ("startup", "liveness", "readiness")]
    assert [command[:2] for command in probes] == [["python", "-c"]] * 3
    assert {
        variables(fence["fence-pods"].inputs["spec"]["template"])["ALIVE_FILE"] in command[2] for command in probes
    } == {True}


def test_the_probe_tells_a_recent_look_from_an_old_one_and_from_none(tmp_path):
    alive = tmp_path / "alive"
    (_, _, script) = jobs.alive_probes(60)["livenessProbe"]["exec"]["command"]
    script = script.replace(jobs.ALIVE_FILE, str(alive))

    def code() -> object:
        with pytest.raises(SystemExit) as ended:
            exec(script, {})
        return ended.value.code

    with pytest.raises(FileNotFoundError):
        exec(script, {})
    alive.touch()
    assert code() is False
    os.utime(alive, (0, 0))
    assert code() is True


def test_both_run_one_image_under_their_own_name(pod):
    container = pod["spec"]["containers"][0]
    assert container["image"] == IMAGE
    assert container["command"] == ["python", "-m", "operations", pod["spec"]["serviceAccountName"]]


def test_both_keep_to_the_restricted_standard(pod):
    (container,) = pod["spec"]["containers"]
    assert list(_unmet(container["securityContext"], pod["spec"]["securityContext"])) == []
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["spec"]["automountServiceAccountToken"] is False


def test_both_find_the_password_where_their_environment_says(pod):
    (container,) = pod["spec"]["containers"]
    csi = [
        volume["csi"]["volumeAttributes"]["secretProviderClass"] for volume in pod["spec"]["volumes"] if "csi" in volume
    ]
    (mount,) = (mounted for mounted in container["volumeMounts"] if mounted["name"] == pods.OWNER)
    assert csi == ["database-password"]
    assert mount["readOnly"] is True
    assert variables(pod)["DB_PASSWORD_FILE"] == f"{mount['mountPath']}/password"


def test_both_reach_the_database_and_aws_through_the_network_policies(pod):
    labels = pod["metadata"]["labels"]
    assert (labels[pods.USES_DATABASE], labels[pods.USES_AWS]) == ("true", "true")


def test_both_ask_the_database_who_it_is(pod):
    resource = variables(pod)
    assert (resource["PGSSLMODE"], resource["PGSSLROOTCERT"]) == ("verify-full", "/etc/ssl/rds/global-bundle.pem")


def test_both_are_told_where_they_are_by_the_config_map(pod):
    entries = {entry["name"]: entry for entry in pod["spec"]["containers"][0]["env"]}
    for key in jobs.PLACE_SETTINGS:
        assert entries[key]["valueFrom"]["configMapKeyRef"] == {"name": CONFIG_MAP, "key": key}


def test_the_fence_is_told_whether_to_drain_and_for_which_epoch_the_site_is_built(fence):
    resource = variables(fence["fence-pods"].inputs["spec"]["template"])
    assert (resource["DRAIN"], resource["EPOCH"], resource["FENCE_SECONDS"]) == ("DRAIN", "EPOCH", "5")


@pytest.mark.parametrize("key", jobs.FENCE_SETTINGS)
def test_a_setting_that_the_fence_reads_rolls_its_pods(key):
    assert checksum_of(**{key: "other"}) != checksum_of()


@pytest.mark.parametrize("key", ["SITE_ROLE", "EMERGENCY_READ_ONLY"])
def test_a_setting_that_the_fence_does_not_read_rolls_no_fence(key):
    assert checksum_of(**{key: "other"}) == checksum_of()


def test_a_flip_tells_the_fence_of_the_new_leader_only_the_epoch():
    before, after = (only(deploy("secondary", line), DEPLOYMENT, "fence-pods") for line in (PRIMARY_LEADS, FAILED_OVER))
    pods = [copy.deepcopy(entry.inputs["spec"]["template"]) for entry in (before, after)]
    checksums = [pod["metadata"]["annotations"].pop("lifeline/config-checksum") for pod in pods]
    assert checksums[0] != checksums[1]
    assert pods[0] == pods[1]


def test_a_drain_rolls_the_fence_of_the_leader():
    plain = only(deploy("primary"), DEPLOYMENT, "fence-pods")
    drained = only(deploy("primary", switchover={"drain": 1}), DEPLOYMENT, "fence-pods")
    assert plain.inputs["spec"]["template"] != drained.inputs["spec"]["template"]


def test_the_gate_is_tried_once_and_never_restarted():
    spec = gate()["spec"]
    assert (spec["backoffLimit"], spec["template"]["spec"]["restartPolicy"]) == (0, "Never")


def test_the_gate_gives_up_by_itself_before_the_cluster_ends_it():
    spec = gate()["spec"]
    assert spec["activeDeadlineSeconds"] > int(variables(spec["template"])["PATIENCE_SECONDS"])


def test_a_gate_that_failed_is_replaced_at_the_next_run():
    assert gate()["metadata"]["annotations"] == {"pulumi.com/replaceUnready": "true"}


def test_a_gate_is_named_by_the_epoch_that_ends_and_by_the_loss_that_is_accepted():
    """A Job cannot be changed, so other settings are another Job."""
    asked = {
        gate(accept_loss=loss)["metadata"]["name"]: variables(gate(accept_loss=loss)["spec"]["template"])
        for loss in (False, True)
    }
    assert {name: (resource["ENDING_EPOCH"], resource["ACCEPT_LOSS"]) for name, resource in asked.items()} == {
        "handover-1": ("1", "false"),
        "handover-1-accepting-loss": ("1", "true"),
    }


def test_a_site_that_takes_nothing_over_has_no_gate():
    resources = [*deploy("primary"), *deploy("secondary"), *deploy("secondary", FAILED_OVER)]
    assert gates(resources) == []


def test_the_claim_waits_for_the_gate_of_the_epoch_before_it():
    resources = deploy("secondary", FAILED_OVER, switchover={"take": 2})
    job, claim = only(resources, JOB, "handover-2-job"), only(resources, JOB, "claims-epoch-2-secondary-1")
    assert job.inputs["metadata"]["name"] == "handover-1"
    assert job.urn in claim.dependencies


def test_the_gate_of_the_way_home_asks_about_the_second_epoch():
    resources = deploy("primary", FAILED_BACK, switchover={"take": 3}, database={"seeded": 2})
    job = only(resources, JOB, "handover-3-job")
    assert job.inputs["metadata"]["name"] == "handover-2"
    assert variables(job.inputs["spec"]["template"])["LEADER"] == "secondary-1"
    assert job.urn in only(resources, JOB, "claims-epoch-3-primary-2").dependencies


def test_a_new_image_does_not_run_a_gate_again():
    resources = deploy("secondary", FAILED_OVER, switchover={"take": 2})
    assert only(resources, JOB, "handover-2-job").ignore_changes == ("spec",)


def test_a_take_that_stays_in_the_file_is_gone_when_the_site_no_longer_leads():
    assert gates(deploy("secondary", FAILED_BACK, switchover={"take": 2}, database={"seeded": 3})) == []


def test_the_gate_waits_for_nothing_that_waits_for_the_claim():
    """It would wait for itself."""
    resources = deploy("secondary", FAILED_OVER, switchover={"take": 2})
    job = only(resources, JOB, "handover-2-job")
    kinds = {urn.split("::")[2].rsplit("$", 1)[-1] for urn in job.dependencies}
    assert kinds <= {"eks:index:Cluster", "pulumi:providers:kubernetes"}


def test_the_fence_reads_claims_notes_handovers_and_closings_and_marks_epochs_as_ready():
    assert policy("secondary", "fence") == {
        "ReadClaims": allow(["dynamodb:GetItem", "dynamodb:BatchGetItem"], LEDGER, keys("epoch#*", "handover#*")),
        "NoteHandover": allow(["dynamodb:PutItem", "dynamodb:UpdateItem"], LEDGER, keys("handover#*")),
        "MarkReady": allow("dynamodb:PutItem", LEDGER, keys("ready#*")),
        "NoteClosing": allow("dynamodb:PutItem", LEDGER, keys("closed#*")),
        "ReadPassword": READ_PASSWORD,
    }


def test_the_gate_takes_handovers_and_reads_claims_the_status_of_the_replica_and_the_password():
    assert policy("secondary", "handover") == {
        "ReadHandover": allow("dynamodb:GetItem", LEDGER, keys("epoch#*", "handover#*")),
        "TakeHandover": allow("dynamodb:UpdateItem", LEDGER, keys("handover#*")),
        "ReadInstances": allow("rds:DescribeDBInstances", "arn:aws:rds:us-west-2:123456789012:db:lifeline-secondary-*"),
        "ReadPassword": READ_PASSWORD,
    }


@pytest.mark.parametrize("job", ["fence", "handover"])
def test_only_where_the_secret_was_made_a_key_is_needed(job):
    decrypt = policy("primary", job)["DecryptPassword"]
    assert decrypt["Action"] == ["kms:Decrypt"]
    assert decrypt["Condition"] == {"StringEquals": {"kms:ViaService": "secretsmanager.us-east-2.amazonaws.com"}}
    assert len(decrypt["Resource"]) == 1


@pytest.mark.parametrize("job", ["fence", "handover"])
def test_a_role_goes_to_the_service_account_that_the_pods_run_as(job):
    resources = deploy("secondary")
    association = only(
        resources, "aws:eks/podIdentityAssociation:PodIdentityAssociation", f"{job}-identity-association"
    )
    assert (association.inputs["namespace"], association.inputs["serviceAccount"]) == (NAMESPACE, job)


def test_the_fence_starts_after_its_role_the_password_and_everything_that_traffic_needs():
    resources = deploy("secondary")
    expected = {
        only(resources, "aws:eks/podIdentityAssociation:PodIdentityAssociation", "fence-identity-association").urn,
        *(only(resources, DEPLOYMENT, f"platform-{service.short_name}").urn for service in SERVICES),
        *(entry.urn for entry in resources if entry.type.endswith(":HorizontalPodAutoscaler")),
    }
    assert expected <= set(only(resources, DEPLOYMENT, "fence-pods").dependencies)
    class_ = "kubernetes:secrets-store.csi.x-k8s.io/v1:SecretProviderClass"
    passwords = {only(resources, class_, f"platform-{of}-password").urn for of in ("database", "application")}
    assert passwords <= set(only(resources, DEPLOYMENT, "platform-backend").dependencies), "which the fence follows"


def test_two_generations_of_pods_never_look_side_by_side(fence: dict[str, Registration]) -> None:
    """A pod without the drain setting would undo the drain."""
    assert fence["fence-pods"].inputs["spec"]["strategy"] == {"type": "Recreate"}
