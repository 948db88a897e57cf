from __future__ import annotations

import math
import random
import threading
from collections.abc import Callable

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from procedures.web import NoAnswerError
from rehearsal.world.clock import ManualClock, ScaledClock
from rehearsal.world.dns import Answer, ClientResolver, Resolver
from rehearsal.world.health import Checker, HealthChecks, Transition
from rehearsal.world.zone import Alias, HealthCheck, Record, Zone, load_zone

APP = HealthCheck(id="app", type="HTTPS", fqdn="primary.example.com", path="/health", interval=10, threshold=3)
SWITCH = HealthCheck(
    id="switch", type="HTTPS_STR_MATCH", fqdn="switch", path="/leads", search="leads", interval=10, inverted=True
)
BOTH = HealthCheck(id="both", type="CALCULATED", children=("app", "switch"), child_threshold=2)


class Endpoints:
    """Endpoints that pass their checks, by name; some are healthy for a share of the checkers only."""

    def __init__(self, *up: str) -> None:
        self.up = set(up)
        self.asked: list[tuple[str, int, str, str]] = []

    def probe(self, check: HealthCheck) -> bool:
        self.asked.append((check.fqdn, check.port, check.path, check.type))
        return check.fqdn in self.up


def run(checks: HealthChecks, clock: ManualClock, until: float) -> None:
    while (due := checks.next_due()) <= until:
        clock.advance(max(0.0, due - clock.now()))
        checks.run_due()
    clock.advance(until - clock.now())


def changes(checks: HealthChecks) -> list[tuple[float, str, bool]]:
    return [(change.at, change.check, change.healthy) for change in checks.transitions]


def test_an_endpoint_is_unhealthy_when_all_but_one_of_eight_checkers_saw_three_failures() -> None:
    clock, endpoints = ManualClock(), Endpoints("primary.example.com")
    checks = HealthChecks({"app": APP}, endpoints.probe, clock)
    run(checks, clock, 60.0)
    endpoints.up.clear()
    run(checks, clock, 120.0)

    # Each checker fails first within 10 s. The seventh of eight fails for the third time at 60 + 2 * 10 + 8.75.
    assert checks.transitions == [Transition(88.75, "app", healthy=False)]
    assert not checks.status("app")
    assert set(endpoints.asked) == {("primary.example.com", 443, "/health", "HTTPS")}


def test_an_endpoint_is_healthy_again_when_two_of_eight_checkers_saw_three_successes() -> None:
    clock, endpoints = ManualClock(), Endpoints()
    checks = HealthChecks({"app": APP}, endpoints.probe, clock)
    run(checks, clock, 100.0)
    endpoints.up.add("primary.example.com")
    run(checks, clock, 200.0)

    assert changes(checks) == [(27.5, "app", False), (122.5, "app", True)]


def test_two_failures_in_a_row_change_nothing() -> None:
    clock, endpoints = ManualClock(), Endpoints()
    checks = HealthChecks({"app": APP}, endpoints.probe, clock)
    run(checks, clock, 19.9)
    endpoints.up.add("primary.example.com")
    run(checks, clock, 100.0)

    assert changes(checks) == []


def test_checks_are_spread_evenly_over_the_interval() -> None:
    clock = ManualClock()
    times: list[float] = []
    checks = HealthChecks({"app": APP}, lambda *_: bool(times.append(clock.now())) or True, clock, checkers=4)
    run(checks, clock, 12.5)

    assert times == [0.0, 2.5, 5.0, 7.5, 10.0, 12.5]


def test_a_late_checker_leaves_checks_out_instead_of_sending_a_burst() -> None:
    clock, endpoints = ManualClock(), Endpoints()
    checks = HealthChecks({"app": APP}, endpoints.probe, clock, checkers=1)
    clock.advance(95.0)
    checks.run_due()

    assert len(endpoints.asked) == 1
    assert checks.next_due() == 100.0


def test_a_switch_that_says_that_the_other_site_leads_makes_the_calculated_check_unhealthy() -> None:
    clock, endpoints = ManualClock(), Endpoints("primary.example.com")
    checks = HealthChecks({check.id: check for check in (APP, SWITCH, BOTH)}, endpoints.probe, clock)

    # A new inverted check is unhealthy until there is enough data, because Route 53 inverts its healthy start.
    assert (checks.status("app"), checks.status("switch"), checks.status("both")) == (True, False, False)
    run(checks, clock, 60.0)
    assert (checks.status("switch"), checks.status("both")) == (True, True)

    endpoints.up.add("switch")
    run(checks, clock, 120.0)
    assert (checks.status("app"), checks.status("switch"), checks.status("both")) == (True, False, False)


@pytest.mark.parametrize(("threshold", "healthy"), [(0, True), (1, True), (2, False), (3, False)])
def test_a_calculated_check_counts_its_healthy_children(threshold: int, healthy: bool) -> None:
    clock, endpoints = ManualClock(), Endpoints("primary.example.com")
    other = HealthCheck(id="other", type="HTTP", fqdn="other", interval=10, threshold=1)
    both = HealthCheck(id="both", type="CALCULATED", children=("app", "other"), child_threshold=threshold)
    checks = HealthChecks({"app": APP, "other": other, "both": both}, endpoints.probe, clock)
    run(checks, clock, 30.0)

    assert checks.status("both") is healthy


@pytest.mark.parametrize("inverted", [False, True])
def test_a_disabled_check_asks_nothing_and_is_healthy_before_its_inversion(inverted: bool) -> None:
    clock, endpoints = ManualClock(), Endpoints()
    disabled = HealthCheck(id="app", type="HTTPS", fqdn="x", disabled=True, inverted=inverted)
    checks = HealthChecks({"app": disabled}, endpoints.probe, clock)

    assert checks.next_due() == math.inf
    assert checks.status("app") is not inverted


def test_reloading_keeps_what_is_known_of_a_check_that_did_not_change() -> None:
    clock, endpoints = ManualClock(), Endpoints()
    checks = HealthChecks({"app": APP}, endpoints.probe, clock)
    run(checks, clock, 60.0)
    checks.replace({"app": APP, "switch": SWITCH})
    assert (checks.status("app"), checks.status("switch")) == (False, False)

    checks.replace({"app": HealthCheck(id="app", type="HTTPS", fqdn="elsewhere")})
    assert checks.status("app")
    with pytest.raises(KeyError):
        checks.status("switch")


def test_the_thread_checks_on_the_scaled_clock_and_ends() -> None:
    asked = threading.Event()
    with HealthChecks({"app": APP}, lambda *_: asked.set() or True, ScaledClock(1000)):
        assert asked.wait(10)

    assert not [thread for thread in threading.enumerate() if thread.name == "health-checks"]


def test_a_probe_that_raises_is_not_taken_for_an_answer() -> None:
    def broken(*_: object) -> bool:
        raise ValueError("a fault of the rehearsal")

    checks = HealthChecks({"app": APP}, broken, ScaledClock(1000))
    checks.start()
    assert checks._thread is not None
    checks._thread.join(10)

    with pytest.raises(RuntimeError, match="the health checkers died"):
        checks.status("app")
    with pytest.raises(RuntimeError, match="the health checkers died"):
        checks.stop()


@given(st.lists(st.booleans()), st.integers(1, 5))
def test_an_opinion_is_the_last_run_of_equal_results_that_was_long_enough(results: list[bool], threshold: int) -> None:
    checker = Checker()
    for passed in results:
        checker.hear(passed=passed, threshold=threshold)

    expected = True
    for end in range(threshold, len(results) + 1):
        window = results[end - threshold : end]
        if len(set(window)) == 1:
            expected = window[0]
    assert checker.healthy is expected


def site(name: str, *, region: str = "") -> Record:
    return Record(name=f"{name}.example.com", type="A", alias=Alias(f"{name}.elb", True), region=region)


PRIMARY = Record(
    name="example.com",
    type="A",
    alias=Alias("primary.elb", False),
    failover="PRIMARY",
    set_identifier="primary",
    health_check="both",
)
SECONDARY = Record(
    name="example.com",
    type="A",
    alias=Alias("secondary.elb", False),
    failover="SECONDARY",
    set_identifier="secondary",
    health_check="app",
)
API = tuple(
    Record(
        name="api.example.com",
        type="CNAME",
        values=(f"{name}.example.com",),
        ttl=15,
        region=region,
        set_identifier=name,
        health_check=check,
    )
    for name, region, check in (("primary", "us-east-2", "app"), ("secondary", "us-west-2", "switch"))
)
CHECKS = {check.id: check for check in (APP, SWITCH, BOTH)}
ZONE = Zone((PRIMARY, SECONDARY, *API, site("primary"), site("secondary")), CHECKS)


def resolver(healthy: set[str], zone: Zone = ZONE, target_healthy: Callable[[str], bool] = lambda _: True) -> Resolver:
    return Resolver(zone, healthy.__contains__, target_healthy=target_healthy)


@pytest.mark.parametrize(
    ("healthy", "target"),
    [
        ({"both", "app"}, "primary.elb"),
        ({"both"}, "primary.elb"),
        ({"app"}, "secondary.elb"),
        (set[str](), "primary.elb"),
    ],
)
def test_failover_answers_the_secondary_only_when_it_alone_is_healthy(healthy: set[str], target: str) -> None:
    assert resolver(healthy).lookup("Example.com.") == Answer(target, 60)


@pytest.mark.parametrize(
    ("healthy", "region", "target"),
    [
        ({"app", "switch"}, "us-east-2", "primary.elb"),
        ({"app", "switch"}, "us-west-2", "secondary.elb"),
        ({"switch"}, "us-east-2", "secondary.elb"),
        ({"app"}, "us-west-2", "primary.elb"),
        (set[str](), "us-west-2", "secondary.elb"),
    ],
)
def test_latency_answers_the_nearest_healthy_region_and_follows_the_chain(
    healthy: set[str], region: str, target: str
) -> None:
    asked = resolver(healthy)
    assert asked.lookup("api.example.com", region) == Answer(target.replace(".elb", ".example.com"), 15, known=True)
    assert asked.resolve("api.example.com", region) == target


def test_an_alias_that_evaluates_its_target_fails_over_with_the_load_balancer() -> None:
    aliases = tuple(
        Record(name="example.com", type="A", alias=Alias(target, True), failover=role)
        for role, target in (("PRIMARY", "primary.elb"), ("SECONDARY", "secondary.example.com"))
    )
    zone = Zone((*aliases, site("secondary")))

    assert resolver(set(), zone).lookup("example.com") == Answer("primary.elb", 60)
    down = resolver(set(), zone, lambda name: name != "primary.elb")
    assert down.lookup("example.com") == Answer("secondary.elb", 60)
    assert resolver(set(), zone, lambda _: False).resolve("example.com") == "primary.elb"


def test_weights_share_the_answers_and_zero_is_only_used_when_nothing_else_is_healthy() -> None:
    records = tuple(
        Record(name="w", type="A", values=(str(weight),), weight=weight, health_check=check)
        for weight, check in ((3, "app"), (1, "app"), (0, "switch"))
    )
    zone = Zone(records, CHECKS)
    draw = Resolver(zone, {"app", "switch"}.__contains__, chance=random.Random(1))
    answers = [draw.resolve("w") for _ in range(400)]

    assert answers.count("0") == 0
    assert 250 < answers.count("3") < 350
    assert resolver({"switch"}, zone).resolve("w") == "0"


def test_an_unknown_name_and_a_circle_have_no_answer() -> None:
    circle = Zone((Record(name="a", type="CNAME", values=("b",)), Record(name="b", type="CNAME", values=("a",))))
    aliases = Zone(tuple(Record(name=a, type="A", alias=Alias(b, False)) for a, b in ("ab", "ba")))
    with pytest.raises(NoAnswerError, match=r"^the zone has no record nobody\.example\.com$"):
        resolver(set()).resolve("nobody.example.com")
    for zone in (circle, aliases):
        with pytest.raises(NoAnswerError, match="leads back to itself"):
            resolver(set(), zone).resolve("a")


def test_a_client_asks_again_only_when_the_time_to_live_is_over() -> None:
    clock, healthy = ManualClock(), {"both", "app"}
    client = ClientResolver(resolver(healthy), clock)

    assert client.resolve("example.com") == "primary.elb"
    healthy.discard("both")
    clock.advance(59.9)
    assert client.resolve("example.com") == "primary.elb"
    clock.advance(0.1)
    assert client.resolve("example.com") == "secondary.elb"


def chain(name: str, address: str) -> Zone:
    api = Record(name="api", type="CNAME", values=(name,), ttl=15)
    return Zone(
        (api, *(Record(name=host, type="A", values=(to,), ttl=60) for host, to in (("a", address), ("b", "2"))))
    )


@pytest.mark.parametrize(
    ("moved", "asks_after"), [(chain("b", "1"), 15.0), (chain("a", "2"), 60.0)], ids=["the CNAME", "its target"]
)
def test_a_client_keeps_each_record_of_a_chain_for_its_own_time(moved: Zone, asks_after: float) -> None:
    clock, asked = ManualClock(), Resolver(chain("a", "1"), lambda _: True)
    client = ClientResolver(asked, clock)
    assert client.resolve("api") == "1"
    asked.replace(moved)
    clock.advance(asks_after - 0.1)
    assert client.resolve("api") == "1"
    clock.advance(0.1)
    assert client.resolve("api") == "2"


@pytest.mark.parametrize(("keeps", "asks_after"), [(0, 60), (59, 60), (300, 300)])
def test_a_client_that_ignores_a_short_time_to_live_asks_later(keeps: float, asks_after: float) -> None:
    clock, healthy = ManualClock(), {"both", "app"}
    client = ClientResolver(resolver(healthy), clock, keeps=keeps)
    assert client.resolve("example.com") == "primary.elb"
    healthy.discard("both")
    clock.advance(asks_after - 0.1)
    assert client.resolve("example.com") == "primary.elb"
    clock.advance(0.1)
    assert client.resolve("example.com") == "secondary.elb"


def test_a_client_that_is_pinned_to_an_address_never_asks_again() -> None:
    clock, healthy = ManualClock(), {"both", "app"}
    client = ClientResolver(resolver(healthy), clock, keeps=math.inf)
    assert client.resolve("example.com") == "primary.elb"
    healthy.discard("both")
    clock.advance(1e9)
    assert client.resolve("example.com") == "primary.elb"


def test_a_zone_names_only_health_checks_that_exist() -> None:
    with pytest.raises(ValueError, match=r"do not exist: app, both$"):
        Zone((PRIMARY, SECONDARY))


def test_a_kind_of_health_check_that_is_not_rehearsed_is_refused() -> None:
    with pytest.raises(ValueError, match="health check alarm is of type CLOUDWATCH_METRIC, which is not rehearsed"):
        HealthCheck(id="alarm", type="CLOUDWATCH_METRIC")


@mock_aws
def test_a_zone_is_read_from_route_53(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    client = boto3.client("route53", region_name="us-east-1")
    zone_id = client.create_hosted_zone(Name="example.com", CallerReference="1")["HostedZone"]["Id"]
    app = client.create_health_check(
        CallerReference="app",
        HealthCheckConfig={
            "Type": "HTTPS",
            "FullyQualifiedDomainName": "primary.example.com",
            "Port": 443,
            "ResourcePath": "/health",
            "RequestInterval": 10,
            "FailureThreshold": 3,
        },
    )["HealthCheck"]["Id"]
    both = client.create_health_check(
        CallerReference="both",
        HealthCheckConfig={"Type": "CALCULATED", "ChildHealthChecks": [app], "HealthThreshold": 1, "Inverted": True},
    )["HealthCheck"]["Id"]
    client.change_resource_record_sets(
        HostedZoneId=zone_id,
        ChangeBatch={
            "Changes": [
                {
                    "Action": "CREATE",
                    "ResourceRecordSet": {
                        "Name": "api.example.com",
                        "Type": "CNAME",
                        "TTL": 15,
                        "Region": "us-east-2",
                        "SetIdentifier": "primary",
                        "HealthCheckId": app,
                        "ResourceRecords": [{"Value": "primary.example.com"}],
                    },
                },
                {
                    "Action": "CREATE",
                    "ResourceRecordSet": {
                        "Name": "example.com",
                        "Type": "A",
                        "Failover": "PRIMARY",
                        "SetIdentifier": "primary",
                        "HealthCheckId": both,
                        "AliasTarget": {
                            "HostedZoneId": "Z3AADJGX6KTTL2",
                            "DNSName": "Primary.elb.",
                            "EvaluateTargetHealth": False,
                        },
                    },
                },
            ]
        },
    )

    zone = load_zone(client, zone_id)

    assert zone.checks == {
        app: HealthCheck(id=app, type="HTTPS", fqdn="primary.example.com", path="/health", interval=10, threshold=3),
        both: HealthCheck(
            id=both, type="CALCULATED", port=0, children=(app,), child_threshold=1, inverted=True, interval=30
        ),
    }
    records = sorted(zone.records, key=lambda record: record.name)
    assert [record for record in records if record.type in {"A", "CNAME"}] == [
        Record(
            name="api.example.com",
            type="CNAME",
            values=("primary.example.com",),
            ttl=15,
            region="us-east-2",
            set_identifier="primary",
            health_check=app,
        ),
        Record(
            name="example.com",
            type="A",
            ttl=0,
            alias=Alias("primary.elb", False),
            failover="PRIMARY",
            set_identifier="primary",
            health_check=both,
        ),
    ]
