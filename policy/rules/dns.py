"""Rules on DNS: records, the health checks that decide about them, and the zone."""

from __future__ import annotations

from collections.abc import Iterator

from policy.model import Resource, Site
from policy.rule import About, Severity, must_be, must_be_protected, resource_rule, shown, site_rule
from policy.rules.front import BALANCER
from recovery import objectives
from recovery.naming import ALIVE, FALLBACK, WEB

RECORD = "aws:route53/record:Record"
CHECK = "aws:route53/healthCheck:HealthCheck"
ZONE = "aws:route53/zone:Zone"
DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
FUNCTION = "aws:cloudfront/function:Function"
_DNS = "Amazon Route 53 Developer Guide"


def routed(record: Resource) -> bool:
    """Whether a record is one of several answers for its name."""
    return record.get("setIdentifier") is not None


@site_rule(
    "route53-healthcheck-feeds-a-record",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.308(a)(7)(ii)(B)", "164.308(a)(7)(ii)(C)"),
        remediation="Name the check in a record, or as the child of a calculated check that a record names.",
        reference=f"{_DNS}, 'How Amazon Route 53 chooses records when health checking is configured'",
        incident="aws-2021-12",
    ),
)
def check_feeds_a_record(site: Site) -> Iterator[tuple[Resource, str]]:
    """Every health check decides about traffic, and every record of a site has one.

    The name of the sites has theirs, and the page of the last resort needs none.
    """
    used = {urn for record in site.of(RECORD) for urn in record.links.get("healthCheckId", ())}
    children = {urn for check in site.of(CHECK) for urn in check.links.get("childHealthchecks", ())}
    for check in site.of(CHECK):
        if check.urn not in used | children:
            yield check, "no record and no calculated check uses it"
    for record in site.of(RECORD):
        if routed(record) and not record.links.get("healthCheckId") and not leads_on(site, record):
            yield record, "healthCheckId is not set: Route 53 counts the record as healthy always"


@site_rule(
    "route53-record-detection-in-time",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.308(a)(7)(ii)(B)", "164.308(a)(7)(ii)(E)"),
        remediation="Check every 10 seconds, fail after 3 checks, and keep the TTL short.",
        reference=f"{_DNS}, 'Values that you specify when you create or update health checks'",
        incident="aws-2025-10",
    ),
)
def detection_in_time(site: Site, *, share_percent: int = 50) -> Iterator[tuple[Resource, str]]:
    """Clients leave a dead site within half of their tier's promise: interval x failures + TTL."""
    for record in site.of(RECORD):
        for check in site.linked(record, "healthCheckId", CHECK):
            ttl = record.get("ttl") if record.get("ttl") is not None else objectives.RECORD_TTL_SECONDS
            leaves = [check, *site.linked(check, "childHealthchecks", CHECK)]
            for leaf in leaves:
                interval, failures = leaf.get("requestInterval"), leaf.get("failureThreshold")
                if not all(isinstance(value, int) for value in (interval, failures, ttl)):
                    continue
                tier = next(
                    (entry for entry in objectives.TIERS if entry.name == leaf.get("tags", "lifeline:tier")), None
                )
                limit = (tier or objectives.CORE).rto_seconds * share_percent // 100
                if interval * failures + ttl > limit:
                    yield record, f"detection takes {interval} x {failures} + {ttl} s, expected at most {limit} s"


@resource_rule(
    "route53-healthcheck-fast",
    CHECK,
    about=About(
        severity=Severity.HIGH,
        clauses=("164.308(a)(7)(ii)(B)",),
        remediation="Check over HTTPS with SNI, every 10 seconds, with 3 failures. Invert only a search for words.",
        reference=f"{_DNS}, 'Types of Amazon Route 53 health checks'",
    ),
)
def check_fast(check: Resource, *, maximum_failures: int = 3) -> Iterator[str]:
    """A health check asks as a client does, and as often as Route 53 can."""
    if check.get("type") == "CALCULATED":
        children, threshold = check.items("childHealthchecks"), check.get("childHealthThreshold")
        if isinstance(threshold, int) and threshold != len(children):
            yield f"childHealthThreshold is {threshold}, expected {len(children)}: all children"
        return
    inverted = check.get("invertHealthcheck") is True
    # A page that answers instead of the switch, such as one of a firewall, must not count as its words.
    yield from must_be(check, "HTTPS_STR_MATCH" if inverted else "HTTPS", "type")
    if inverted and not check.get("searchString"):
        yield "searchString is not set, expected the words of the switch"
    yield from must_be(check, 443, "port")
    yield from must_be(check, True, "enableSni")
    yield from must_be(check, objectives.HEALTH_CHECK_INTERVAL_SECONDS, "requestInterval")
    failures = check.get("failureThreshold")
    if not isinstance(failures, int) or not 2 <= failures <= maximum_failures:
        yield f"failureThreshold is {shown(failures)}, expected 2 to {maximum_failures}"
    if check.get("disabled") is True:
        yield "disabled is true, expected not set: a disabled check is healthy always"


@resource_rule(
    "route53-record-short-lived",
    RECORD,
    about=About(
        severity=Severity.HIGH,
        clauses=("164.308(a)(7)(ii)(B)",),
        remediation="Set a TTL of at most a minute on a record that moves.",
        reference=f"{_DNS}, 'Values specific for failover records'",
    ),
)
def short_lived(record: Resource, *, maximum_seconds: int = 60) -> Iterator[str]:
    """A client asks again within a minute."""
    ttl = record.get("ttl")
    if routed(record) and isinstance(ttl, int) and ttl > maximum_seconds:
        yield f"ttl is {ttl}, expected at most {maximum_seconds}"


@resource_rule(
    "route53-record-moves-alone",
    RECORD,
    about=About(
        severity=Severity.HIGH,
        clauses=("164.308(a)(7)(ii)(B)", "164.308(a)(7)(ii)(E)"),
        remediation="Set `evaluateTargetHealth: false`; the record's own health check decides.",
        reference=f"{_DNS}, 'Evaluate target health': a load balancer is unhealthy when one of its groups is",
    ),
)
def moves_alone(record: Resource) -> Iterator[str]:
    """The failure of one service does not move the traffic of another. A public name follows the sites' records."""
    if record.items("aliases"):
        yield from must_be(record, bool(_follows(record)), "aliases", 0, "evaluateTargetHealth")


@site_rule(
    "route53-record-every-entrance",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.308(a)(7)(ii)(B)",),
        remediation="Declare failover records for `web` and `alive`, and a latency record for `api`, in both sites.",
        reference=f"{_DNS}, 'Choosing a routing policy'",
        incident="aws-2025-10",
    ),
)
def every_entrance(site: Site) -> Iterator[tuple[Resource, str]]:
    """Each public name has a record of this site, which exists before it is needed."""
    records = [entry for entry in site.of(RECORD) if routed(entry)]
    failover = [entry for entry in records if entry.get("failoverRoutingPolicies") and not leads_on(site, entry)]
    latency = [entry for entry in records if entry.get("latencyRoutingPolicies")]
    anchor = (site.of(BALANCER) or site.of(RECORD))[:1]
    for expected, matches, kind in ((2, failover, "failover"), (1, latency, "latency")):
        if len(matches) != expected:
            yield from ((entry, f"the site has {len(matches)} {kind} records, expected {expected}") for entry in anchor)
    kinds = {str(entry.get("failoverRoutingPolicies", 0, "type")) for entry in failover}
    if len(kinds) > 1:
        yield from (
            (entry, f"the failover records are {', '.join(sorted(kinds))}, expected one kind") for entry in failover
        )


@site_rule(
    "route53-record-last-resort",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.308(a)(7)(ii)(C)",),
        remediation="Lead the domain and `www` to `web` and otherwise to `fallback`, leading to `alive` and otherwise "
        "to the page.",
        reference=f"{_DNS}, 'How health checks work in complex Amazon Route 53 configurations'",
        incident="aws-2025-10",
    ),
)
def last_resort(site: Site) -> Iterator[tuple[Resource, str]]:
    """Each public name leads to a page with numbers to call while no site is healthy."""
    for zone in site.of(ZONE):
        domain = zone.get("name")
        ways = {domain: (WEB, FALLBACK), f"www.{domain}": (WEB, FALLBACK), f"{FALLBACK}.{domain}": (ALIVE, "")}
        for name, labels in ways.items():
            for kind, label in zip(("PRIMARY", "SECONDARY"), labels, strict=True):
                record = next((entry for entry in site.of(RECORD) if _is_answer(entry, name, kind)), None)
                if label and (record is None or _follows(record) != label):
                    yield zone, f"{name} does not lead to {label} as {kind}"
                if not label and (record is None or not any(site.linked(record, "aliases", DISTRIBUTION))):
                    yield zone, f"{name} does not lead to a distribution as {kind}"


def _is_answer(record: Resource, name: str, kind: str) -> bool:
    return record.get("name") == name and record.get("failoverRoutingPolicies", 0, "type") == kind


@site_rule(
    "cloudfront-distribution-answers-alone",
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.308(a)(7)(ii)(C)", "164.312(e)(1)"),
        remediation="Let a published function answer each viewer's request over TLS, and protect both.",
        reference="Amazon CloudFront Developer Guide, 'Generate HTTP responses'",
        incident="aws-2025-10",
        also=("CKV_AWS_34", "CKV_AWS_174", "cloudfront-viewer-policy-https"),
    ),
)
def answers_alone(site: Site) -> Iterator[tuple[Resource, str]]:
    """The page of the last resort needs no site: a function has it."""
    for page in site.of(DISTRIBUTION):
        behavior, certificate = "defaultCacheBehavior", "viewerCertificate"
        faults = [
            *must_be(page, True, "enabled"),
            # The sites have no AAAA records, so one of the page would always win.
            *must_be(page, False, "isIpv6Enabled"),
            *must_be(page, "redirect-to-https", behavior, "viewerProtocolPolicy"),
            *must_be(page, "viewer-request", behavior, "functionAssociations", 0, "eventType"),
            *must_be(page, "TLSv1.2_2021", certificate, "minimumProtocolVersion"),
            *must_be_protected(page),
        ]
        yield from ((page, fault) for fault in faults)
        if not any(site.linked(page, behavior, FUNCTION)):
            yield page, f"{behavior} uses no function of this stack, expected the one with the page"
    for function in site.of(FUNCTION):
        faults = [*must_be(function, True, "publish"), *must_be_protected(function)]
        yield from ((function, fault) for fault in faults)


@resource_rule(
    "route53-zone-not-deletable",
    ZONE,
    about=About(
        severity=Severity.CRITICAL,
        clauses=("164.308(a)(7)(ii)(C)",),
        remediation="Set Pulumi's `protect`, no `forceDestroy`, and accelerated recovery.",
        reference=f"{_DNS}, 'Accelerated recovery'",
        incident="aws-2025-10",
    ),
)
def zone_not_deletable(zone: Resource) -> Iterator[str]:
    """Pulumi refuses to delete the zone, and its records can be changed again soon after a loss of us-east-1."""
    yield from must_be(zone, False, "forceDestroy")
    yield from must_be(zone, True, "enableAcceleratedRecovery")
    yield from must_be_protected(zone)


def _follows(record: Resource) -> str:
    """The label of the common name to which a record leads; empty if it leads elsewhere."""
    label, _, domain = str(record.get("aliases", 0, "name")).partition(".")
    return label if label in (WEB, ALIVE, FALLBACK) and str(record.get("name")).endswith(domain) else ""


def leads_on(site: Site, record: Resource) -> bool:
    """Whether a record leads from a public name to the sites' common names, or to the page of the last resort."""
    return bool(_follows(record)) or any(site.linked(record, "aliases", DISTRIBUTION))


RULES = (
    check_feeds_a_record,
    detection_in_time,
    check_fast,
    short_lived,
    moves_alone,
    every_entrance,
    last_resort,
    answers_alone,
    zone_not_deletable,
)
