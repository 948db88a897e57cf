"""The pods whose answers move the traffic."""

from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pytest

from components.kube.services import BACKEND, SWITCH
from components.switch import Switch, SwitchArgs
from components.targets import PATHS
from engine.recorder import record
from engine.registration import Registration
from recovery.naming import LEADER_PATH, LEADS_PATH, SWITCH_HEALTH_PATH, YIELDS_PATH
from tests.harness import FAILED_OVER, PRIMARY_LEADS, ROOT, deploy, only, route, site

IMAGE = f"operations@sha256:{'1' * 64}"
ARN = "arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/lifeline-switch-8080/1234567890123456"
CONFIG = {"SITE": "secondary", "AWS_REGION": "us-west-2", "LEDGER_TABLE": "ledger", "EPOCH": "1", "DRAIN": "false"}
RULE = "aws:lb/listenerRule:ListenerRule"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"


def objects(**config: str) -> dict[str, Registration]:
    def program() -> None:
        needed = kubernetes.core.v1.ConfigMap("settings", opts=options)
        args = SwitchArgs(
            config=CONFIG | config, image=IMAGE, target_group_arn=ARN, site=site("secondary"), after=(needed,)
        )
        Switch("switch", args, options)

    options = pulumi.ResourceOptions()
    return {resource.name: resource for resource in record(program) if resource.type.startswith("kubernetes:")}


@pytest.fixture(scope="module")
def made() -> dict[str, Registration]:
    return objects()


@pytest.fixture(scope="module")
def spec(made: dict[str, Registration]) -> dict[str, Any]:
    return made["switch-pods"].inputs["spec"]


def test_two_pods_run_and_none_stops_before_another_is_ready(spec, made):
    assert spec["replicas"] == 2
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "50%"}}
    assert made["switch-budget"].inputs["spec"]["selector"]["matchLabels"] == SWITCH.labels


def test_the_pods_run_the_switch_of_the_operations_image(spec):
    (container,) = spec["template"]["spec"]["containers"]
    assert (container["image"], container["command"]) == (IMAGE, ["python", "-m", "operations", "switch"])
    entries = {entry["name"]: entry.get("value") for entry in container["env"]}
    assert entries == {
        "AWS_REGION": None,
        "LEDGER_TABLE": None,
        "SITE": None,
        "PORT": "8080",
        "METRICS_PORT": "9464",
        "SWITCH_SECONDS": "5",
    }


def test_a_pod_uses_no_database_so_an_outage_of_it_changes_no_answer(spec):
    template = spec["template"]
    assert "lifeline/uses-database" not in template["metadata"]["labels"]
    assert [volume["name"] for volume in template["spec"]["volumes"]] == ["scratch"]


def test_the_probes_and_the_load_balancer_ask_for_the_process_and_not_for_the_leader(spec):
    (container,) = spec["template"]["spec"]["containers"]
    assert {container[probe]["httpGet"]["path"] for probe in ("startupProbe", "readinessProbe", "livenessProbe")} == {
        SWITCH_HEALTH_PATH
    }
    (group,) = [entry for entry in deploy("primary") if entry.name.startswith("targets-switch")]
    assert group.inputs["healthCheck"]["path"] == SWITCH_HEALTH_PATH


def test_the_pods_come_after_their_binding_and_account_and_those_after_the_namespace(made):
    pods, binding = made["switch-pods"], made["switch-binding"]
    assert {made["switch-account"].urn, binding.urn} <= set(pods.dependencies)
    assert binding.inputs["spec"]["targetGroupARN"] == ARN
    for name in ("account", "service", "budget"):
        assert made["settings"].urn in made[f"switch-{name}"].dependencies


@pytest.mark.parametrize("key", ["SITE", "AWS_REGION", "LEDGER_TABLE"])
def test_a_setting_that_the_switch_reads_rolls_its_pods(made, key):
    other = objects(**{key: "other"})
    assert other["switch-pods"].inputs != made["switch-pods"].inputs


@pytest.mark.parametrize("key", ["EPOCH", "DRAIN"])
def test_a_flip_and_a_drain_roll_no_switch(made, key):
    assert objects(**{key: "2"})["switch-pods"].inputs == made["switch-pods"].inputs


def test_a_flip_changes_nothing_of_the_switch():
    before, after = (
        {entry.name: entry.inputs for entry in deploy("secondary", timeline) if entry.name.startswith("switch")}
        for timeline in (PRIMARY_LEADS, FAILED_OVER)
    )
    assert before == after
    assert "switch-pods" in before


def test_its_paths_reach_it_and_its_health_is_not_public():
    assert [route(path) for path in (LEADS_PATH, YIELDS_PATH)] == ["switch", "switch"]
    assert route(SWITCH_HEALTH_PATH) == "mental-health-frontend"


def test_routes_to_a_cluster_come_after_its_switch():
    resources = deploy("primary")
    pods = only(resources, DEPLOYMENT, "switch-pods")
    rules = [entry for entry in resources if entry.type == RULE and entry.name.startswith("routes-")]
    assert len(rules) == len(PATHS)
    assert all(pods.urn in entry.dependencies for entry in rules)


def test_a_backend_asks_the_switch_where_the_contract_says_and_knows_the_domain() -> None:
    resources = deploy("secondary")
    service = only(resources, "kubernetes:core/v1:Service", "switch-service").inputs
    (port,) = service["spec"]["ports"]
    address = f"http://{service['metadata']['name']}:{port['port']}{LEADER_PATH}"
    assert f"`{address}`" in (ROOT / "docs" / "services.md").read_text()
    policy = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
    way = {"ports": [{"protocol": "TCP", "port": SWITCH.port}]}
    out = only(resources, policy, "platform-policy-allow-from-backend").inputs["spec"]["egress"]
    assert {"to": [{"podSelector": {"matchLabels": SWITCH.labels}}], **way} in out
    (into,) = only(resources, policy, "platform-policy-allow-to-switch").inputs["spec"]["ingress"]
    assert {"podSelector": {"matchLabels": BACKEND.labels}} in into["from"]
    settings = only(resources, "kubernetes:core/v1:ConfigMap", "platform-config").inputs["data"]
    assert settings["DOMAIN"] == "mentalhealthplatform.com"
