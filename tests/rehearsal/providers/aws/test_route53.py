"""Failover records, and health checks."""

from __future__ import annotations

from unittest.mock import ANY

import pytest

from rehearsal.providers.backend import UnsupportedError
from tests.rehearsal.providers.aws.world import EAST, ZONE, change, make, remove, unique, urn

RECORD = "aws:route53/record:Record"
CHECK = "aws:route53/healthCheck:HealthCheck"


def test_failover_latency_and_alias_records_are_there_for_an_evaluator(world):
    zone, outputs = make(world.east, ZONE, {"name": f"{unique('platform')}.example", "enableAcceleratedRecovery": True})
    domain = outputs["name"]
    check = {
        "type": "HTTPS",
        "fqdn": f"primary.{domain}",
        "port": 443,
        "resourcePath": "/health",
        "requestInterval": 10,
        "failureThreshold": 3,
    }
    app, _ = make(world.east, CHECK, check)
    switch, _ = make(
        world.east, CHECK, {**check, "fqdn": "bucket.example", "resourcePath": "/page", "invertHealthcheck": True}
    )
    both, _ = make(
        world.east, CHECK, {"type": "CALCULATED", "childHealthchecks": [app, switch], "childHealthThreshold": 2}
    )
    alias = [{"name": "alb.example", "zoneId": "Z3AADJGX6KTTL2", "evaluateTargetHealth": False}]
    failover = {
        "zoneId": zone,
        "name": domain,
        "type": "A",
        "aliases": alias,
        "setIdentifier": "primary",
        "healthCheckId": both,
    }
    make(world.east, RECORD, {**failover, "failoverRoutingPolicies": [{"type": "PRIMARY"}]})
    _, api = make(
        world.east,
        RECORD,
        {
            "zoneId": zone,
            "name": "api",
            "type": "CNAME",
            "ttl": 15,
            "records": [f"primary.{domain}"],
            "latencyRoutingPolicies": [{"region": EAST}],
            "setIdentifier": "primary",
            "healthCheckId": app,
        },
    )
    route53 = world.client("route53")
    sets = {
        s["Name"]: s
        for s in route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
        if "SetIdentifier" in s
    }
    apex, crisis = sets[f"{domain}."], sets[f"api.{domain}."]
    assert (apex["Failover"], apex["HealthCheckId"]) == ("PRIMARY", both)
    assert apex["AliasTarget"]["EvaluateTargetHealth"] is False
    assert (crisis["Region"], crisis["TTL"], crisis["HealthCheckId"]) == (EAST, 15, app)
    assert crisis["ResourceRecords"] == [{"Value": f"primary.{domain}"}]
    assert api["fqdn"] == f"api.{domain}"
    configs = {entry["Id"]: entry["HealthCheckConfig"] for entry in route53.list_health_checks()["HealthChecks"]}
    assert configs[switch]["Inverted"] is True
    assert (configs[both]["HealthThreshold"], sorted(configs[both]["ChildHealthChecks"])) == (2, sorted([app, switch]))
    assert len(outputs["nameServers"]) == 4


def test_a_record_that_exists_is_overwritten_only_if_that_is_asked_for(world):
    zone, outputs = make(world.east, ZONE, {"name": f"{unique('platform')}.example"})
    inputs = {"zoneId": zone, "name": f"proof.{outputs['name']}", "type": "CNAME", "ttl": 60, "records": ["a.example"]}
    make(world.east, RECORD, inputs)
    with pytest.raises(Exception, match="InvalidChangeBatch"):
        make(world.west, RECORD, inputs)
    made = make(world.west, RECORD, {**inputs, "records": ["b.example"], "allowOverwrite": True})
    remove(world.west, RECORD, made)
    types = [
        entry["Type"]
        for entry in world.client("route53").list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    ]
    assert "CNAME" not in types


def _failover(world, name, identifier, role):
    zone, outputs = world
    return {
        "zoneId": zone,
        "name": name,
        "type": "CNAME",
        "ttl": 60,
        "records": [f"{identifier}.{outputs['name']}"],
        "setIdentifier": identifier,
        "healthCheckId": "checked",
        "failoverRoutingPolicies": [{"type": role}],
    }


def test_a_deletion_leaves_other_records_with_the_same_set_identifier_and_can_be_undone(world):
    zone = make(world.east, ZONE, {"name": f"{unique('platform')}.example"})
    make(world.east, RECORD, _failover(zone, "www", "primary", "PRIMARY"))
    made = make(world.east, RECORD, _failover(zone, "web", "primary", "PRIMARY"))
    before = world.client("route53").list_resource_record_sets(HostedZoneId=zone[0])["ResourceRecordSets"]
    remove(world.east, RECORD, made)
    after = world.client("route53").list_resource_record_sets(HostedZoneId=zone[0])["ResourceRecordSets"]
    assert after == [record for record in before if not record["Name"].startswith("web.")]
    make(world.east, RECORD, _failover(zone, "web", "primary", "PRIMARY"))
    assert world.client("route53").list_resource_record_sets(HostedZoneId=zone[0])["ResourceRecordSets"] == before


def test_a_second_primary_record_is_refused_when_it_is_made_and_when_it_changes(world):
    zone = make(world.east, ZONE, {"name": f"{unique('platform')}.example"})
    make(world.east, RECORD, _failover(zone, "www", "primary", "PRIMARY"))
    with pytest.raises(UnsupportedError, match="primary"):
        make(world.west, RECORD, _failover(zone, "www", "secondary", "PRIMARY"))
    inputs = _failover(zone, "www", "secondary", "SECONDARY")
    made = make(world.west, RECORD, inputs)
    with pytest.raises(UnsupportedError, match="primary"):
        change(world.west, RECORD, made, inputs, _failover(zone, "www", "secondary", "PRIMARY"))


@pytest.mark.parametrize(
    ("change_", "key"),
    [
        ({"setIdentifier": None}, "setIdentifier"),
        ({"healthCheckId": None}, "healthCheckId"),
        ({"records": ["192.0.2.1"], "ttl": 60}, "records"),
        ({"records": ["192.0.2.1"], "aliases": None}, "ttl"),
    ],
)
def test_a_record_that_route_53_would_refuse_or_never_move_is_refused(world, change_, key):
    alias = [{"name": "alb.example", "zoneId": "Z1", "evaluateTargetHealth": False}]
    good = {
        "zoneId": "Z0",
        "name": "platform.example",
        "type": "A",
        "aliases": alias,
        "failoverRoutingPolicies": [{"type": "PRIMARY"}],
        "setIdentifier": "primary",
        "healthCheckId": "1",
    }
    assert world.east.check(RECORD, good) == []
    assert [found for found, _ in world.east.check(RECORD, {**good, **change_})] == [key]


def test_a_health_check_is_changed_in_place(world):
    inputs = {
        "type": "HTTPS",
        "fqdn": "a.example",
        "port": 443,
        "resourcePath": "/health",
        "requestInterval": 10,
        "failureThreshold": 3,
    }
    made = make(world.east, CHECK, inputs)
    change(world.east, CHECK, made, inputs, {**inputs, "failureThreshold": 2})
    config = world.client("route53").get_health_check(HealthCheckId=made[0])["HealthCheck"]["HealthCheckConfig"]
    assert (config["FailureThreshold"], config["FullyQualifiedDomainName"]) == (2, "a.example")


def test_a_zone_and_its_plain_records_are_found_by_their_ids(world):
    inputs = {"name": f"{unique('platform')}.example", "comment": "both sites", "enableAcceleratedRecovery": True}
    zone, made = make(world.east, ZONE, inputs)
    found, outputs = world.west.find(ZONE, urn("adopted", ZONE), zone)
    assert found == {**inputs, "tags": {}}
    assert outputs["nameServers"] == made["nameServers"]
    record = {"zoneId": zone, "name": inputs["name"], "type": "CAA", "ttl": 60, "records": ['0 issue "amazon.com"']}
    id_, _ = make(world.east, RECORD, record)
    assert world.west.find(RECORD, urn("adopted", RECORD), id_) == (record, ANY)
    assert world.west.find(RECORD, urn("adopted", RECORD), f"{zone}_www.{inputs['name']}_CAA") is None


@pytest.mark.parametrize("kind", ["PRIMARY", "SECONDARY"])
def test_an_alias_with_failover_is_found_by_its_identifier(world, kind):
    zone, made = make(world.east, ZONE, {"name": f"{unique('platform')}.example"})
    records = {
        role: {
            "zoneId": zone,
            "name": made["name"],
            "type": "A",
            "aliases": [{"name": f"{role}.example".lower(), "zoneId": "Z3AADJGX6KTTL2", "evaluateTargetHealth": True}],
            "setIdentifier": role.lower(),
            "failoverRoutingPolicies": [{"type": role}],
        }
        for role in ("PRIMARY", "SECONDARY")
    }
    ids = {role: make(world.east, RECORD, inputs)[0] for role, inputs in records.items()}
    found, _ = world.west.find(RECORD, urn("adopted", RECORD), ids[kind])
    assert found == records[kind]


def test_an_alias_to_a_name_that_does_not_exist_is_refused(world):
    zone, made = make(world.east, ZONE, {"name": f"{unique('platform')}.example"})
    alias = [{"name": f"web.{made['name']}", "zoneId": zone, "evaluateTargetHealth": True}]
    inputs = {"zoneId": zone, "name": made["name"], "type": "A", "aliases": alias}
    with pytest.raises(UnsupportedError, match=r"the alias target web\..* was not found"):
        make(world.east, RECORD, inputs)
    values = {"records": ["192.0.2.1"], "ttl": 60}
    make(world.east, RECORD, {**inputs, "name": f"web.{made['name']}", **values, "aliases": []})
    assert make(world.east, RECORD, inputs)


def test_a_latency_record_is_not_imported(world):
    zone, made = make(world.east, ZONE, {"name": f"{unique('platform')}.example"})
    policy = {"setIdentifier": "east", "latencyRoutingPolicies": [{"region": "us-east-2"}]}
    inputs = {"zoneId": zone, "name": made["name"], "type": "A", "ttl": 60, "records": ["192.0.2.1"], **policy}
    id_, _ = make(world.east, RECORD, inputs)
    with pytest.raises(UnsupportedError, match="plain records and aliases with failover only"):
        world.west.find(RECORD, urn("adopted", RECORD), id_)


def test_a_type_that_cannot_be_imported_says_so(world):
    with pytest.raises(UnsupportedError, match="the stand-in cannot import check-1"):
        world.east.find(CHECK, urn("adopted", CHECK), "check-1")
