from __future__ import annotations

import threading
import urllib.error
import urllib.request
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from recovery.naming import LEDGER_KEY, ledger_arn
from rehearsal.world import loopback
from rehearsal.world.detector import HYBRID, KEYWORD_ONLY, detect
from rehearsal.world.faults import Faults, Impairment
from rehearsal.world.ledger import GlobalTable
from rehearsal.world.loopback import LoopbackServer, Reply
from rehearsal.world.platform import BACKEND, CRISIS_DETECTOR, DEPLOYMENTS, FRONTEND, HOTLINE_GATEWAY
from rehearsal.world.postgres import PostgresServers
from rehearsal.world.users import DatabaseUnavailableError, Users
from tests.rehearsal.world.platform.site import CRISIS, EAST, WEST, WITNESS, Site, ask


def test_a_crisis_event_is_in_the_ledger_of_both_regions_when_it_is_acknowledged(
    site: Site, ledger: GlobalTable
) -> None:
    answer = site.ask("POST", "/api/crisis/detect", CRISIS)

    assert answer == (200, {"crisis_detected": True, "mode": "hybrid", "event_id": "e1"})
    kept = ledger.get(EAST, "event#e1")
    assert kept == ledger.get(WEST, "event#e1")
    assert kept is not None
    at = datetime.strptime(str(kept["at"]), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert timedelta(0) <= datetime.now(UTC) - at < timedelta(minutes=1)
    assert kept == {LEDGER_KEY: "event#e1", "at": kept["at"], "site": "primary", "mode": "hybrid"}


def test_an_escalation_names_its_event(site: Site, ledger: GlobalTable) -> None:
    site.ask("POST", "/api/crisis/escalate", {"id": "a1", "event": "e1", "severity": "high"})
    site.ask("POST", "/api/crisis/escalate", {"id": "a2"})
    named, other = ledger.get(EAST, "escalation#a1"), ledger.get(EAST, "escalation#a2")
    assert named is not None
    assert other is not None
    assert (named["event"], named["severity"]) == ("e1", "high")
    assert "event" not in other


def test_a_site_without_a_copy_keeps_its_events_in_the_copy_that_its_settings_name(
    site: Site, ledger: GlobalTable, databases: PostgresServers, faults: Faults
) -> None:
    other = Site(ledger, databases, name="tertiary", region="ca-central-1")
    other.config["LEDGER_TABLE"] = ledger_arn(account="123456789012", region=WEST)
    with other.platform:
        assert other.ask("POST", "/api/crisis/detect", CRISIS | {"id": "e3"})[0] == 200
        assert ledger.get(EAST, "event#e3") is not None
        faults.lose(WEST)
        assert other.ask("POST", "/api/crisis/detect", CRISIS | {"id": "e4"})[0] == 503
        assert site.ask("POST", "/api/crisis/detect", CRISIS | {"id": "e4"})[0] == 200


def test_a_crisis_event_that_the_ledger_cannot_keep_is_not_acknowledged(site: Site, faults: Faults) -> None:
    faults.lose(WEST)
    faults.lose(WITNESS)

    status, body = site.ask("POST", "/api/crisis/detect", CRISIS | {"id": "e2"})
    assert status == 503
    assert "fewer than two of the ledger's three regions answer" in body["error"]
    status, body = site.ask("GET", "/health/complete")
    assert (status, body["components"]["ledger"]) == (503, "unhealthy")
    assert site.ask("GET", "/api/crisis/health")[0] == 200


def test_tests_and_harmless_messages_leave_nothing_in_the_ledger(site: Site, ledger: GlobalTable) -> None:
    before = ledger.scan(EAST)

    assert site.ask("POST", "/api/crisis/detect", CRISIS | {"test": True}) == (
        200,
        {"crisis_detected": True, "mode": "hybrid"},
    )
    assert site.ask("POST", "/api/crisis/detect", {"message": "good morning"})[1]["crisis_detected"] is False
    assert site.ask("POST", "/api/crisis/escalate", {"severity": "high", "test": True})[1]["escalation_id"]
    assert ledger.scan(EAST) == before


@pytest.mark.parametrize(("path", "kind"), [("/api/crisis/detect", "event"), ("/api/crisis/escalate", "escalation")])
def test_the_same_event_at_either_site_is_stored_once_as_it_was_first(
    site: Site, ledger: GlobalTable, databases: PostgresServers, path: str, kind: str
) -> None:
    other = Site(ledger, databases, name="secondary", region=WEST)
    before = len(ledger.scan(EAST))
    with other.platform:
        sent = CRISIS | {"id": f"again-{kind}"}
        answers = [where.ask("POST", path, sent) for where in (site, site, other)]
    assert [status for status, _ in answers] == [200, 200, 200]
    assert {body[f"{kind}_id"] for _, body in answers} == {f"again-{kind}"}
    kept = ledger.get(WEST, f"{kind}#again-{kind}")
    assert kept is not None
    assert kept["site"] == "primary"
    assert len(ledger.scan(EAST)) == before + 1


def test_a_person_without_an_id_gets_help_nevertheless(site: Site, ledger: GlobalTable) -> None:
    status, body = site.ask("POST", "/api/crisis/detect", {"message": CRISIS["message"]})
    assert (status, body["crisis_detected"]) == (200, True)
    assert ledger.get(EAST, f"event#{body['event_id']}") is not None


def test_the_same_user_twice_is_one_row(site: Site, databases: PostgresServers) -> None:
    assert [site.ask("POST", "/api/users", {"id": "twice"})[0] for _ in range(2)] == [201, 201]
    with databases["leader"].connect() as connection:
        assert connection.execute("SELECT count(*) FROM users WHERE id = 'twice'").fetchone() == (1,)


def test_an_escalation_is_kept_under_its_id(site: Site, ledger: GlobalTable) -> None:
    status, body = site.ask("POST", "/api/crisis/escalate", {"severity": "high", "test": False})

    assert status == 200
    kept = ledger.get(WEST, f"escalation#{body['escalation_id']}")
    assert kept is not None
    assert kept["severity"] == "high"


def test_the_mode_and_the_hotline_provider_follow_the_config_map(site: Site) -> None:
    site.config |= {"CRISIS_FALLBACK_MODE": "keyword_only", "HOTLINE_PROVIDER": "backup"}

    assert site.ask("POST", "/api/crisis/detect", CRISIS)[1]["mode"] == "keyword_only"
    assert site.ask("POST", "/api/crisis/hotline", {"emergency": True, "test": True}) == (
        200,
        {"connection_status": "connected", "provider": "backup"},
    )
    assert site.ask("GET", "/api/crisis/test") == (200, {"status": "operational", "mode": "keyword_only"})


def test_clients_get_the_addresses_of_both_sites(site: Site) -> None:
    endpoints = ["https://primary.example.com", "https://secondary.example.com"]
    assert site.ask("GET", "/api/crisis/endpoints") == (200, {"endpoints": endpoints})


def test_a_detector_whose_model_cannot_be_loaded_is_not_ready_and_keywords_need_none(site: Site) -> None:
    site.config |= {"MODEL_BUCKET": "models", "MODEL_VERSION": "v1"}
    reason = "the model v1 cannot be loaded: models has no version v1"
    assert site.ask("POST", "/api/crisis/detect", CRISIS) == (503, {"error": reason})
    assert site.ask("GET", "/api/crisis/test") == (503, {"error": reason})
    assert site.ask("GET", "/health/complete")[1]["reasons"] == {"crisis-detector": reason}


def test_a_message_that_ends_the_detector_leaves_it_down(site: Site) -> None:
    site.config |= {"MODEL_BUCKET": "models", "MODEL_VERSION": "v1"}
    site.model = b'{"weights": {"thoughts": null}, "threshold": 1}'
    assert site.ask("GET", "/api/crisis/test")[0] == 200
    assert site.ask("POST", "/api/crisis/detect", CRISIS)[0] == 503
    status, body = site.ask("GET", "/api/crisis/test")
    assert (status, body["error"].partition(":")[0]) == (503, "the model ended the process")


def test_a_hotline_whose_provider_connects_no_one_says_so(site: Site) -> None:
    site.unconnected = "the primary provider of the hotline does not answer"
    assert site.ask("POST", "/api/crisis/hotline", {"emergency": True, "test": True}) == (
        502,
        {"error": site.unconnected, "provider": "primary"},
    )


def test_a_user_is_committed_to_the_sites_own_database_before_the_answer(
    site: Site, databases: PostgresServers
) -> None:
    assert site.ask("POST", "/api/users", {"id": "ada"}) == (201, {"id": "ada", "database": "leader"})
    with databases["leader"].connect() as connection:
        assert connection.execute("SELECT count(*) FROM users WHERE id = 'ada'").fetchone() == (1,)
    assert site.ask("GET", "/api/users?id=ada") == (200, {"id": "ada"})
    assert site.ask("GET", "/api/users?id=nobody")[0] == 404


def test_the_check_of_the_crisis_writes_one_item_again_and_again_and_reads_it(site: Site, ledger: GlobalTable) -> None:
    assert [site.ask("GET", "/api/crisis/test")[0] for _ in range(3)] == [200] * 3
    kept = [item for item in ledger.scan(WEST) if "check" in str(item[LEDGER_KEY])]
    assert kept == [{LEDGER_KEY: "event#check-primary", "site": "primary"}], "and nothing about anybody"


@pytest.mark.parametrize("how", [Impairment.SILENT, Impairment.THROTTLED])
def test_a_site_that_cannot_note_a_crisis_fails_its_check_and_keeps_its_pods(
    site: Site, faults: Faults, how: Impairment
) -> None:
    faults.impair("dynamodb", EAST, how)
    assert site.ask("GET", "/api/crisis/test")[0] == 503
    assert site.ask("GET", "/api/crisis/health")[0] == 200, "the probe of pods and target groups"
    faults.restore(EAST)
    assert site.ask("GET", "/api/crisis/test")[0] == 200


@pytest.mark.parametrize("operation", ["PutItem", "GetItem"])
def test_a_detector_that_may_not_use_the_ledger_says_so(site: Site, operation: str) -> None:
    site.denied[operation, EAST, "event#check-primary"] = "it is not authorized"
    assert site.ask("GET", "/api/crisis/test") == (503, {"error": "it is not authorized"})
    assert site.ask("GET", "/api/crisis/health")[0] == 200
    assert site.ask("POST", "/api/crisis/detect", CRISIS)[0] == 200


def test_an_event_that_the_detector_may_not_note_is_not_acknowledged(site: Site) -> None:
    site.denied["PutItem", EAST, "event#e1"] = "it is not authorized"
    assert site.ask("POST", "/api/crisis/detect", CRISIS) == (503, {"error": "it is not authorized"})


def test_pods_that_the_load_balancer_does_not_reach_answer_nobody(site: Site) -> None:
    site.cut = True
    assert site.ask("GET", "/health") == (503, {"error": "the pods refuse the load balancer"})


@pytest.mark.parametrize(
    ("deployment", "method", "path"),
    [
        (BACKEND, "GET", "/health"),
        (BACKEND, "GET", "/api/users?id=x"),
        (CRISIS_DETECTOR, "GET", "/api/crisis/health"),
        (HOTLINE_GATEWAY, "POST", "/api/crisis/hotline"),
        (FRONTEND, "GET", "/"),
    ],
)
def test_a_deployment_without_pods_answers_503_and_the_others_go_on(
    site: Site, deployment: str, method: str, path: str
) -> None:
    assert site.ask(method, path)[0] in {200, 404}
    site.pods[deployment] = 0

    assert site.ask(method, path) == (503, {"error": f"{deployment} has no pod that is ready"})
    other = "/" if deployment != FRONTEND else "/health"
    assert site.ask("GET", other)[0] == 200


def test_complete_health_is_that_of_every_part(site: Site) -> None:
    parts = [*DEPLOYMENTS, "database", "ledger"]
    assert site.ask("GET", "/health/complete") == (
        200,
        {
            "status": "healthy",
            "site": "primary",
            "role": "active",
            "components": dict.fromkeys(parts, "healthy"),
        },
    )
    site.pods[HOTLINE_GATEWAY] = 0
    status, body = site.ask("GET", "/health/complete")
    assert (status, body["status"]) == (503, "unhealthy")
    assert [name for name, state in body["components"].items() if state == "unhealthy"] == [HOTLINE_GATEWAY]


@pytest.mark.parametrize(
    ("role", "host", "read_only", "status"),
    [
        ("active", "leader", "false", 200),
        ("active", "leader", "true", 503),
        ("active", "replica", "false", 503),
        ("standby", "replica", "true", 200),
        ("standby", "nowhere", "true", 503),
    ],
)
def test_an_active_site_is_whole_only_with_a_database_that_takes_writes(
    site: Site, role: str, host: str, read_only: str, status: int
) -> None:
    site.config |= {"SITE_ROLE": role, "DB_HOST": host, "EMERGENCY_READ_ONLY": read_only}

    assert site.ask("GET", "/health/complete")[0] == status


def test_a_site_that_is_cut_resets_every_connection_and_answers_again_at_the_same_port(site: Site) -> None:
    address = site.platform.address
    site.platform.cut()
    with pytest.raises(ConnectionError):
        site.ask("GET", "/health")

    site.platform.restore()
    assert site.platform.address == address
    assert site.ask("GET", "/health")[0] == 200


def test_a_request_that_is_under_way_when_the_site_is_cut_gets_no_answer() -> None:
    entered, leave = threading.Event(), threading.Event()

    def slow(_: loopback.Request) -> Reply:
        entered.set()
        leave.wait(10)
        return Reply(200, {})

    server, failures = LoopbackServer("slow", slow), list[Exception]()
    server.start()

    def client() -> None:
        try:
            ask(server.address, "GET", "/")
        except ConnectionError as error:
            failures.append(error)

    thread = threading.Thread(target=client)
    thread.start()
    assert entered.wait(10)
    server.cut()
    thread.join(10)
    leave.set()
    server.close()

    assert len(failures) == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/users", {}),
        ("/api/users", {"id": 7}),
        ("/api/users", [1]),
        ("/api/crisis/detect", {"text": "x"}),
    ],
)
def test_a_body_that_makes_no_sense_is_the_clients_mistake(site: Site, path: str, body: object) -> None:
    assert site.ask("POST", path, body)[0] == 400


def test_an_unknown_path_is_not_found_and_a_body_that_is_no_json_is_refused(site: Site) -> None:
    assert site.ask("GET", "/api/nothing")[0] == 404
    host, port = site.platform.address
    with pytest.raises(urllib.error.HTTPError, match="400") as refused:
        urllib.request.urlopen(f"http://{host}:{port}/api/users", data=b"{", timeout=10)
    refused.value.close()


def test_a_fault_of_the_rehearsals_own_is_a_500_that_names_it(site: Site) -> None:
    site.pods = None  # pyright: ignore[reportAttributeAccessIssue]

    status, body = site.ask("GET", "/health")
    assert status == 500
    assert "AttributeError" in body["error"]


def test_a_database_that_is_lost_costs_writes_until_it_is_back(tmp_path: Path, ledger: GlobalTable) -> None:
    with PostgresServers(tmp_path) as servers:
        servers.create("leader", "secret")
        site = Site(ledger, servers)
        with site.platform:
            assert site.ask("POST", "/api/users", {"id": "ada"})[0] == 201
            servers.kill("leader")
            assert site.ask("POST", "/api/users", {"id": "bob"})[0] == 503
            assert site.ask("GET", "/health")[0] == 200
            servers.start("leader")
            assert site.ask("POST", "/api/users", {"id": "bob"})[0] == 201
            assert site.ask("GET", "/api/users?id=ada")[0] == 200


def test_a_user_is_changed_by_a_later_version_only_and_not_added_by_it(site: Site, databases: PostgresServers) -> None:
    user = f"user-{uuid.uuid4()}"
    assert site.ask("POST", "/api/users", {"id": user, "version": 2}) == (404, {"error": "no such user"})
    for version in (1, 3, 2, 1):
        assert site.ask("POST", "/api/users", {"id": user, "version": version})[0] == 201
    with databases["leader"].connect() as connection:
        assert connection.execute("SELECT version FROM users WHERE id = %s", [user]).fetchall() == [(3,)]


def test_a_lost_database_costs_one_request_and_not_one_for_each_connection_in_the_pool(tmp_path: Path) -> None:
    with PostgresServers(tmp_path) as servers:
        servers.create("leader", "secret")
        users = Users(lambda host: servers[host].conninfo())
        with users._connection("leader"), users._connection("leader"), users._connection("leader"):
            pass
        servers.kill("leader")
        servers.start("leader")

        with pytest.raises(DatabaseUnavailableError):
            users.add("leader", "ada")
        users.add("leader", "ada")
        users.close()


@pytest.mark.parametrize(
    ("path", "deployment"),
    [
        ("/api/crisis/hotline", "crisis-detector"),
        ("/api/crisis/detect", "mental-health-backend"),
        ("/api/users", "mental-health-frontend"),
        ("/", "mental-health-backend"),
    ],
)
def test_a_deployment_serves_its_own_paths_only(site: Site, path: str, deployment: str) -> None:
    site.misled[path] = deployment
    method = "GET" if path == "/" else "POST"
    assert site.ask(method, path, {}) == (404, {"error": f"{deployment} does not serve {method} {path}"})


def test_pods_that_replace_others_open_connections_of_their_own(tmp_path: Path) -> None:
    with PostgresServers(tmp_path) as servers:
        pods = ["first"]
        users = Users(lambda _: servers.create(pods[0], "secret").conninfo(), lambda: pods[0])
        with users._connection("leader") as connection:
            pass
        with users._connection("leader") as same:
            assert same is connection
        pods[0] = "second"
        with users._connection("leader") as another:
            assert another is not connection
            assert connection.closed
        users.close()


@pytest.mark.parametrize(
    ("message", "keyword_only", "hybrid"),
    [
        ("I am having thoughts of self-harm", True, True),
        ("I am thinking about hurting myself", True, True),
        ("I feel hopeless and alone", False, True),
        ("I feel alone", False, False),
        ("what a fine day", False, False),
    ],
)
def test_keywords_need_no_model_and_hybrid_finds_more(message: str, keyword_only: bool, hybrid: bool) -> None:
    assert detect(message, KEYWORD_ONLY) is keyword_only
    assert detect(message, HYBRID) is hybrid
