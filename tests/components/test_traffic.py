"""Records and health checks."""

import pytest

from components.health import CHECKED_PATHS
from components.kube.services import CRISIS_DETECTOR
from components.traffic import Traffic, TrafficArgs
from engine.computed import computed_id
from engine.recorder import record
from engine.registration import Registration
from recovery import objectives
from recovery.naming import LEADS_PATH, YIELDS_PATH
from tests import harness
from tests.harness import route

DOMAIN = "mentalhealthplatform.com"
RECORD = "aws:route53/record:Record"
CHECK = "aws:route53/healthCheck:HealthCheck"
PEERS = {"primary": "secondary", "secondary": "primary"}
REGIONS = {"primary": "us-east-2", "secondary": "us-west-2"}


def registered(site: str, *, first: str = "primary") -> dict[str, Registration]:
    args = TrafficArgs(
        peer_site=PEERS[site],
        domain=DOMAIN,
        zone_id="Z0000000000EXAMPLE",
        has_primary_record=site == first,
        load_balancer_dns_name=f"lifeline-{site}.elb.amazonaws.com",
        load_balancer_zone_id="Z3AADJGX6KTTL2",
        site=harness.site(site),
    )
    return {
        resource.name.removeprefix("traffic-"): resource
        for resource in record(lambda: Traffic("traffic", args), stack=site)
    }


def id_of(resource: Registration) -> str:
    return computed_id(resource.type, resource.urn, resource.inputs)


def names(resources: dict[str, Registration], type_: str) -> set[str]:
    return {name for name, entry in resources.items() if entry.type == type_}


@pytest.mark.parametrize("site", ["primary", "secondary"])
def test_a_site_has_exactly_these_records(site):
    resources = registered(site)
    assert {(resources[name].inputs["name"], resources[name].inputs["type"]) for name in names(resources, RECORD)} == {
        (f"{site}.{DOMAIN}", "A"),
        (f"web.{DOMAIN}", "A"),
        (f"alive.{DOMAIN}", "A"),
        (f"api.{DOMAIN}", "CNAME"),
    }


@pytest.mark.parametrize("site", ["primary", "secondary"])
def test_a_sites_own_name_answers_whatever_its_role_and_health(site):
    inputs = registered(site)["site"].inputs
    assert inputs.keys().isdisjoint({"healthCheckId", "setIdentifier", "failoverRoutingPolicies"})
    (alias,) = inputs["aliases"]
    assert alias["name"] == f"lifeline-{site}.elb.amazonaws.com"


@pytest.mark.parametrize(
    ("first", "roles"), [("primary", ("PRIMARY", "SECONDARY")), ("secondary", ("SECONDARY", "PRIMARY"))]
)
@pytest.mark.parametrize("name", ["web", "alive"])
def test_the_first_site_answers_the_primary_records(first, roles, name):
    resources = [registered(site, first=first)[name].inputs for site in ("primary", "secondary")]
    assert tuple(inputs["failoverRoutingPolicies"][0]["type"] for inputs in resources) == roles
    assert [inputs["setIdentifier"] for inputs in resources] == ["primary", "secondary"]


@pytest.mark.parametrize("site", ["primary", "secondary"])
def test_an_unhealthy_target_group_alone_never_moves_traffic(site):
    resources = registered(site)
    aliases = [alias for name in names(resources, RECORD) for alias in resources[name].inputs.get("aliases", [])]
    assert [alias["evaluateTargetHealth"] for alias in aliases] == [False, False, False]


def test_the_first_site_yields_when_it_is_ill_or_a_switch_says_that_the_peer_leads():
    resources = registered("primary")
    web = resources["checks-web"]
    assert web.inputs["type"] == "CALCULATED"
    children = ["checks-app", "checks-page", "checks-peer-leads", "checks-yields"]
    assert web.inputs["childHealthchecks"] == [id_of(resources[name]) for name in children]
    assert web.inputs["childHealthThreshold"] == 4
    assert resources["web"].inputs["healthCheckId"] == id_of(web)
    answers = resources["checks-answers"]
    assert answers.inputs["childHealthchecks"] == [id_of(resources[f"checks-{name}"]) for name in ("app", "page")]
    assert answers.inputs["childHealthThreshold"] == 2
    assert resources["alive"].inputs["healthCheckId"] == id_of(answers)


@pytest.mark.parametrize(("first", "peer"), [("primary", "secondary"), ("secondary", "primary")])
def test_only_the_words_of_a_switch_move_the_traffic(first, peer):
    resources = registered(first, first=first)
    asked = {
        role: {
            key: resources[f"checks-{role}"].inputs[key]
            for key in ("type", "fqdn", "resourcePath", "searchString", "invertHealthcheck")
        }
        for role in ("peer-leads", "yields")
    }
    words = {"type": "HTTPS_STR_MATCH", "invertHealthcheck": True}
    assert asked == {
        "peer-leads": words
        | {"fqdn": f"{peer}.{DOMAIN}", "resourcePath": "/lifeline/leads", "searchString": f"lifeline-leads {peer}"},
        "yields": words
        | {"fqdn": f"{first}.{DOMAIN}", "resourcePath": "/lifeline/yields", "searchString": f"lifeline-yields {first}"},
    }


def test_the_paths_of_the_switch_lead_to_the_switch():
    assert [route(path) for path in (LEADS_PATH, YIELDS_PATH)] == ["switch", "switch"]


def test_the_second_site_answers_by_its_own_health_alone():
    resources = registered("secondary")
    assert names(resources, CHECK) == {"checks-app", "checks-crisis", "checks-page", "checks-web"}
    web = resources["checks-web"]
    assert web.inputs["childHealthchecks"] == [id_of(resources[name]) for name in ("checks-app", "checks-page")]
    assert web.inputs["childHealthThreshold"] == 2
    assert {resources[name].inputs["healthCheckId"] for name in ("web", "alive")} == {id_of(web)}


def test_the_checks_of_the_web_meet_both_services_that_a_page_needs():
    resources = registered("primary")
    paths = [resources[f"checks-{name}"].inputs["resourcePath"] for name in ("app", "page")]
    assert [route(path) for path in paths] == ["mental-health-backend", "mental-health-frontend"]


@pytest.mark.parametrize("site", ["primary", "secondary"])
def test_checks_ask_the_site_itself_and_not_a_name_that_moves(site):
    resources = registered(site)
    asked = {
        (resources[name].inputs["fqdn"], resources[name].inputs["resourcePath"])
        for name in names(resources, CHECK)
        if name not in ("checks-web", "checks-answers")
    }
    hosts = {path: PEERS[site] if path == LEADS_PATH else site for path in CHECKED_PATHS}
    switch = set() if site == "primary" else {LEADS_PATH, YIELDS_PATH}
    assert asked == {(f"{host}.{DOMAIN}", path) for path, host in hosts.items() if path not in switch}


def test_every_check_of_an_address_keeps_the_promised_pace_over_tls():
    for resources in (registered("primary"), registered("secondary")):
        direct = [
            entry.inputs for entry in resources.values() if entry.type == CHECK and entry.inputs["type"] != "CALCULATED"
        ]
        assert {(check["port"], check["enableSni"]) for check in direct} == {(443, True)}
        assert {check["type"] for check in direct} <= {"HTTPS", "HTTPS_STR_MATCH"}
        assert {(check["requestInterval"], check["failureThreshold"]) for check in direct} == {(10, 3)}


@pytest.mark.parametrize("site", ["primary", "secondary"])
def test_crisis_traffic_goes_to_the_nearest_site_that_detects(site):
    resources = registered(site)
    api = resources["api"].inputs
    assert api["records"] == [f"{site}.{DOMAIN}"]
    assert api["latencyRoutingPolicies"] == [{"region": REGIONS[site]}]
    assert api["setIdentifier"] == site
    assert api["healthCheckId"] == id_of(resources["checks-crisis"])


@pytest.mark.parametrize("site", ["primary", "secondary"])
def test_the_check_of_the_crisis_notes_something_and_the_probes_of_pods_do_not(site):
    """Otherwise a ledger that fails everywhere would remove the pods of both sites."""
    assert registered(site)["checks-crisis"].inputs["resourcePath"] == "/api/crisis/test"
    assert CRISIS_DETECTOR.health_path == "/api/crisis/health"
    assert route("/api/crisis/test") == CRISIS_DETECTOR.name


def test_crisis_traffic_leaves_a_lost_site_well_within_its_objective():
    ttl = registered("primary")["api"].inputs["ttl"]
    assert ttl == 15
    assert objectives.detection_seconds(ttl) * 2 < objectives.CRISIS.rto_seconds
