"""Route 53 zones and records, in a form that a DNS evaluator can read back with boto3."""

from __future__ import annotations

import threading

from rehearsal.providers.aws.adapter import Adapter, Call, Created, words
from rehearsal.providers.aws.health_checks import tag
from rehearsal.providers.backend import Plain, UnsupportedError, digest

_CHANGES = threading.Lock()
"""Held while records change: both sites change the same zone, and a deletion rewrites what moto drops."""


def _create_zone(call: Call) -> Created:
    name: str = call.inputs["name"]
    config = {"Comment": call.inputs.get("comment") or "Managed by Pulumi", "PrivateZone": False}
    made = call.do("CreateHostedZone", Name=name, CallerReference=digest(call.urn, 32), HostedZoneConfig=config)
    id_: str = made["HostedZone"]["Id"].removeprefix("/hostedzone/")
    if call.inputs.get("enableAcceleratedRecovery"):
        call.pretend("UpdateHostedZoneFeatures", HostedZoneId=id_, EnableAcceleratedRecovery=True)
        call.table("route53-accelerated")[id_] = True
    tag(call, "hostedzone", id_)
    call.table("route53-zones")[id_] = name.rstrip(".")
    return id_, _zone_outputs(id_, made["DelegationSet"]["NameServers"])


def _zone_outputs(id_: str, servers: list[str]) -> Plain:
    return {
        "zoneId": id_,
        "arn": f"arn:aws:route53:::hostedzone/{id_}",
        "nameServers": sorted(servers),
        "primaryNameServer": servers[0],
    }


def _delete_zone(call: Call) -> None:
    """Delete a zone. With `forceDestroy`, delete its records first, except those that every zone has."""
    if call.outputs.get("forceDestroy"):
        records = call.do("ListResourceRecordSets", HostedZoneId=call.id)["ResourceRecordSets"]
        changes = [
            {"Action": "DELETE", "ResourceRecordSet": record}
            for record in records
            if record["Type"] not in ("NS", "SOA")
        ]
        if changes:
            call.do("ChangeResourceRecordSets", HostedZoneId=call.id, ChangeBatch={"Changes": changes})
    call.do("DeleteHostedZone", Id=call.id)


def _update_zone(call: Call) -> Plain:
    if "comment" in call.changed:
        call.do("UpdateHostedZoneComment", Id=call.id, Comment=call.inputs.get("comment") or "")
    return {}


def _find_zone(call: Call) -> tuple[Plain, Plain]:
    zone = call.do("GetHostedZone", Id=call.id)
    name: str = zone["HostedZone"]["Name"].rstrip(".")
    call.table("route53-zones")[call.id] = name
    tags = call.do("ListTagsForResource", ResourceType="hostedzone", ResourceId=call.id)["ResourceTagSet"]["Tags"]
    inputs: Plain = {
        "name": name,
        "comment": zone["HostedZone"]["Config"]["Comment"],
        "enableAcceleratedRecovery": call.id in call.table("route53-accelerated"),
        "tags": {tag["Key"]: tag["Value"] for tag in tags},
    }
    return inputs, _zone_outputs(call.id, zone["DelegationSet"]["NameServers"])


def _fqdn(call: Call) -> str:
    """The record's full name. A name relative to the zone is completed, as the provider does."""
    zones, id_ = call.table("route53-zones"), call.inputs["zoneId"]
    if id_ not in zones:
        zones[id_] = call.do("GetHostedZone", Id=id_)["HostedZone"]["Name"].rstrip(".")
    zone, name = zones[id_], str(call.inputs["name"]).rstrip(".").lower()
    if not name:
        return zone
    return name if name == zone or name.endswith(f".{zone}") else f"{name}.{zone}"


def _record_set(inputs: Plain, fqdn: str) -> Plain:
    record_set: Plain = {"Name": fqdn, "Type": inputs["type"], **_routing(inputs)}
    for alias in inputs.get("aliases") or []:
        record_set["AliasTarget"] = {
            "HostedZoneId": alias["zoneId"],
            "DNSName": alias["name"],
            "EvaluateTargetHealth": bool(alias["evaluateTargetHealth"]),
        }
    if inputs.get("records"):
        record_set["TTL"] = int(inputs["ttl"])
        record_set["ResourceRecords"] = [{"Value": value} for value in inputs["records"]]
    return record_set


def _routing(inputs: Plain) -> Plain:
    routing: Plain = {}
    for key, member, inner in (
        ("failoverRoutingPolicies", "Failover", "type"),
        ("latencyRoutingPolicies", "Region", "region"),
        ("weightedRoutingPolicies", "Weight", "weight"),
    ):
        for policy in inputs.get(key) or []:
            routing[member] = policy[inner]
    for key, member in (
        ("setIdentifier", "SetIdentifier"),
        ("healthCheckId", "HealthCheckId"),
        ("multivalueAnswerRoutingPolicy", "MultiValueAnswer"),
    ):
        if inputs.get(key):
            routing[member] = inputs[key]
    return routing


def _change(call: Call, *changes: tuple[str, Plain]) -> None:
    batch = {"Changes": [{"Action": action, "ResourceRecordSet": record_set} for action, record_set in changes]}
    call.do("ChangeResourceRecordSets", HostedZoneId=call.inputs["zoneId"], ChangeBatch=batch)


def _records(call: Call) -> list[Plain]:
    return call.do("ListResourceRecordSets", HostedZoneId=call.inputs["zoneId"])["ResourceRecordSets"]


def _key(record: Plain) -> tuple[str, str]:
    """The name and the type of a record."""
    return str(record["Name"]).rstrip("."), str(record["Type"])


def _create_record(call: Call) -> Created:
    fqdn = _fqdn(call)
    with _CHANGES:
        _refuse_a_double(call, fqdn)
        if not call.inputs.get("allowOverwrite"):
            _refuse_an_overwrite(call, fqdn)
        _refuse_an_alias_to_nothing(call)
        _change(call, ("UPSERT", _record_set(call.inputs, fqdn)))
    parts = [call.inputs["zoneId"], fqdn, call.inputs["type"], call.inputs.get("setIdentifier")]
    return "_".join(str(part) for part in parts if part), {"fqdn": fqdn}


def _refuse_an_overwrite(call: Call, fqdn: str) -> None:
    """Refuse a record that exists. moto also refuses one that existed, as long as any record comes after it."""
    own = (fqdn, call.inputs["type"]), call.inputs.get("setIdentifier", "")
    if own in ((_key(other), other.get("SetIdentifier", "")) for other in _records(call)):
        raise UnsupportedError(f"InvalidChangeBatch: the record exists: {fqdn}, {call.inputs['type']}")


def _refuse_an_alias_to_nothing(call: Call) -> None:
    """Refuse an alias to a name of the zone that has no record. moto takes it.

    Source: Amazon Route 53 API Reference, "ChangeResourceRecordSets", InvalidChangeBatch.
    """
    zone, names = call.inputs["zoneId"], {_key(other)[0] for other in _records(call)}
    for alias in call.inputs.get("aliases") or []:
        if alias["zoneId"] == zone and str(alias["name"]).rstrip(".") not in names:
            raise UnsupportedError(f"InvalidChangeBatch: the alias target {alias['name']} was not found")


def _refuse_a_double(call: Call, fqdn: str) -> None:
    """Refuse a second PRIMARY or SECONDARY record, and a second latency record of a region. moto takes them.

    Source: Amazon Route 53 API Reference, "ResourceRecordSet", `Failover` and `Region`.
    """
    routing = {key: value for key, value in _routing(call.inputs).items() if key in ("Failover", "Region")}
    own = call.inputs.get("setIdentifier")
    for other in _records(call) if routing else ():
        same = _key(other) == (fqdn, call.inputs["type"])
        double = any(other.get(key) == value for key, value in routing.items())
        if same and double and other["SetIdentifier"] != own:
            raise UnsupportedError(f"InvalidChangeBatch: {fqdn} has a record with {routing}: {other['SetIdentifier']}")


def _find_record(call: Call) -> tuple[Plain, Plain] | None:
    """A plain record, which has a TTL and values, or an alias. With failover records, the id ends in the set's name.

    Raises:
        UnsupportedError: for a record with another policy.
    """
    zone, name, type_, *rest = call.id.split("_")
    sets = call.do("ListResourceRecordSets", HostedZoneId=zone, StartRecordName=name, StartRecordType=type_)
    identifier = rest[0] if rest else ""
    same = [record for record in sets["ResourceRecordSets"] if _key(record) == (name, type_)]
    record = next((record for record in same if record.get("SetIdentifier", "") == identifier), None)
    if record is None:
        return None
    if {"Region", "Weight", "HealthCheckId"} & record.keys():
        raise UnsupportedError(f"{call.id}: the stand-in imports plain records and aliases with failover only")
    inputs: Plain = {"zoneId": zone, "name": name, "type": type_}
    if "ResourceRecords" in record:
        inputs |= {"ttl": record["TTL"], "records": [value["Value"] for value in record["ResourceRecords"]]}
    if alias := record.get("AliasTarget"):
        target = {"name": alias["DNSName"], "zoneId": alias["HostedZoneId"]}
        inputs["aliases"] = [target | {"evaluateTargetHealth": alias["EvaluateTargetHealth"]}]
    if "Failover" in record:
        inputs |= {"setIdentifier": identifier, "failoverRoutingPolicies": [{"type": record["Failover"]}]}
    return inputs, {"fqdn": name}


def _update_record(call: Call) -> Plain:
    fqdn = str(call.outputs["fqdn"])
    with _CHANGES:
        _refuse_a_double(call, fqdn)
        _change(call, ("UPSERT", _record_set(call.inputs, fqdn)))
    return {}


def _delete_record(call: Call) -> None:
    """Delete a record. moto drops every record with the same set identifier, whatever its name: write those again."""
    fqdn, identifier = str(call.outputs["fqdn"]), call.outputs.get("setIdentifier")
    with _CHANGES:
        others = [
            other
            for other in _records(call)
            if identifier == other.get("SetIdentifier", "") and _key(other) != (fqdn, call.outputs["type"])
        ]
        _change(call, ("DELETE", _record_set(call.outputs, fqdn)), *(("UPSERT", other) for other in others))


def _check_record(inputs: Plain) -> list[tuple[str, str]]:
    """Rules of Route 53 and of the provider that moto lacks."""
    policies = [key for key in inputs if "RoutingPolic" in key and inputs[key]]
    failures = (
        [("setIdentifier", f"is needed with {policies[0]}")] if policies and not inputs.get("setIdentifier") else []
    )
    if bool(inputs.get("aliases")) == bool(inputs.get("records")):
        failures.append(("records", "exactly one of aliases and records is needed"))
    if inputs.get("records") and inputs.get("ttl") is None:
        failures.append(("ttl", "is needed with records"))
    failover: list[Plain] = inputs.get("failoverRoutingPolicies") or []
    watched = inputs.get("healthCheckId") or any(a.get("evaluateTargetHealth") for a in inputs.get("aliases") or [])
    if any(policy["type"] == "PRIMARY" for policy in failover) and not watched:
        failures.append(("healthCheckId", "a PRIMARY failover record without a health check never fails over"))
    return failures


ADAPTERS = (
    Adapter(
        type="aws:route53/zone:Zone",
        service="route53",
        inputs=words("name comment forceDestroy enableAcceleratedRecovery"),
        create=_create_zone,
        update=_update_zone,
        updates=words("comment forceDestroy"),
        delete=_delete_zone,
        find=_find_zone,
        name="name",
    ),
    Adapter(
        type="aws:route53/record:Record",
        service="route53",
        inputs=words(
            "zoneId name type ttl records aliases setIdentifier healthCheckId allowOverwrite failoverRoutingPolicies"
            " latencyRoutingPolicies weightedRoutingPolicies multivalueAnswerRoutingPolicy"
        ),
        create=_create_record,
        update=_update_record,
        updates=words(
            "ttl records aliases healthCheckId allowOverwrite failoverRoutingPolicies latencyRoutingPolicies"
            " weightedRoutingPolicies multivalueAnswerRoutingPolicy"
        ),
        delete=_delete_record,
        find=_find_record,
        check=_check_record,
    ),
)
