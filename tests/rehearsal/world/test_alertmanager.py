"""The addresses that an alert leads to, by the declared Alertmanager, and the backup provider of the hotline."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from components.alerts import rules
from components.alerts.canary import HOTLINE_FAILING
from components.alerts.routing import HOTLINE_BACKUP, alertmanager
from components.alerts.watch import WATCHDOG
from components.kube import monitoring
from components.monitoring import SECRETS
from components.prometheus_chart import CHART, CHART_VERSION
from recovery.naming import ALERTING_SECRET, MONITORING_NAMESPACE
from rehearsal.providers.kubernetes.api import KubernetesApi
from rehearsal.world.alertmanager import call_addresses
from rehearsal.world.cloud import empty_account
from rehearsal.world.hotline import BACKUP, PRIMARY, HotlineProviders
from stacks.contacts import EXAMPLE_ACCOUNT, read_contacts
from tests.rehearsal.world.platform.site import ask

REGION = "us-west-2"
CALL = "hotline-backup: POST https://hotline-backup.example.org/activate was answered with "


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with empty_account() as address:
        yield address


@pytest.fixture
def providers() -> Iterator[HotlineProviders]:
    with HotlineProviders("the-token") as found:
        yield found


@pytest.fixture
def cluster() -> KubernetesApi:
    """A cluster with the release of the chart, and the class of its secrets."""
    api = KubernetesApi()
    api.apply(monitoring.namespace(labels={}))
    config = alertmanager(read_contacts(EXAMPLE_ACCOUNT), region=REGION)
    release = {
        "namespace": MONITORING_NAMESPACE,
        "chart": f"oci://registry/{CHART}",
        "version": CHART_VERSION,
        "values": {"alertmanager": {"config": config}},
    }
    meta = {"name": "metrics", "namespace": MONITORING_NAMESPACE}
    api.apply({"apiVersion": "helm.sh/v3", "kind": "Release", "metadata": meta, **release})
    api.apply(monitoring.alerting_class(SECRETS, region=REGION, labels={}))
    return api


def keep(endpoint: str, **values: str) -> None:
    client: Any = boto3.session.Session("test", "test").client(
        "secretsmanager", region_name=REGION, endpoint_url=endpoint
    )
    try:
        client.create_secret(Name=ALERTING_SECRET, SecretString=json.dumps(values))
    except client.exceptions.ResourceExistsException:
        client.put_secret_value(SecretId=ALERTING_SECRET, SecretString=json.dumps(values))


def fire(cluster: KubernetesApi, endpoint: str, providers: HotlineProviders, alert: str) -> list[str]:
    found = next(entry for entry in rules.ALERTS if entry.name == alert)
    labels = {"alertname": alert, **found.rule("example.com")["labels"]}
    return call_addresses(cluster, labels, region=REGION, endpoint=endpoint, reach=lambda _: providers.address)


def test_the_alert_of_the_hotline_activates_the_backup_provider(
    cluster: KubernetesApi, endpoint: str, providers: HotlineProviders
) -> None:
    keep(endpoint, hotline_backup_token="the-token")
    assert providers.refusal(BACKUP) == "the backup provider of the hotline was not activated"
    assert fire(cluster, endpoint, providers, HOTLINE_FAILING) == [f"{CALL}200"]
    assert fire(cluster, endpoint, providers, HOTLINE_FAILING) == [f"{CALL}200"]
    assert providers.refusal(BACKUP) is None


def test_a_wrong_token_activates_nothing(cluster: KubernetesApi, endpoint: str, providers: HotlineProviders) -> None:
    keep(endpoint, hotline_backup_token="another")
    assert fire(cluster, endpoint, providers, HOTLINE_FAILING) == [f"{CALL}401"]
    assert not providers.is_activated


def test_a_secret_without_the_token_is_told(cluster: KubernetesApi, endpoint: str, providers: HotlineProviders) -> None:
    keep(endpoint, heartbeat_token="another")
    assert fire(cluster, endpoint, providers, HOTLINE_FAILING) == [
        f"{HOTLINE_BACKUP}: it has no token: 'hotline_backup_token'"
    ]


def test_no_other_alert_calls_the_provider(cluster: KubernetesApi, endpoint: str, providers: HotlineProviders) -> None:
    keep(endpoint, hotline_backup_token="the-token")
    for alert in rules.ALERTS:
        if alert.name not in (HOTLINE_FAILING, WATCHDOG):
            assert fire(cluster, endpoint, providers, alert.name) == []
    assert not providers.is_activated


def test_a_site_without_a_monitoring_calls_no_one(endpoint: str, providers: HotlineProviders) -> None:
    assert fire(KubernetesApi(), endpoint, providers, HOTLINE_FAILING) == ["no Alertmanager is declared"]


def test_a_provider_connects_people_until_it_fails(providers: HotlineProviders) -> None:
    assert providers.refusal(PRIMARY) is None
    providers.fail(PRIMARY)
    assert providers.refusal(PRIMARY) == "the primary provider of the hotline does not answer"


def test_the_provider_answers_its_own_call_only(providers: HotlineProviders) -> None:
    assert ask(providers.address, "GET", "/activate")[0] == 404
    assert ask(providers.address, "POST", "/deactivate", {})[0] == 404
    assert ask(providers.address, "POST", "/activate", {})[0] == 401
