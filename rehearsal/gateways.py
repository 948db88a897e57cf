"""AWS as the pods see it, as far as their roles and the network allow, and as an operator, who may do everything."""

from __future__ import annotations

import contextlib
import functools
import threading
from typing import Any

import boto3
from botocore.config import Config

from rehearsal.offline import OfflineAccount
from rehearsal.world.declared import Declared
from rehearsal.world.gateway import AwsGateway
from rehearsal.world.permissions import Received
from rehearsal.world.pods import Pods
from rehearsal.world.services import to_service

TYPED = "typed"
"""The access key of a command that an operator types."""
_PATIENCE = Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 1})
"""Real seconds. A lost region closes the connection at once; this machine may be slow."""


class Gateways:
    """Both, each from the first caller on.

    Args:
        account: the account.
        declared: its resources.
        pods: the pods by the name of their cluster.
        ends: closes them.
    """

    def __init__(
        self, account: OfflineAccount, declared: Declared, pods: dict[str, Pods], ends: contextlib.ExitStack
    ) -> None:
        self._account, self._declared, self._pods, self._ends = account, declared, pods, ends
        self._session = boto3.session.Session("operator", "operator")
        self._clients: dict[tuple[str, str, str], Any] = {}
        self._making = threading.Lock()
        self.typed: set[str] = set()
        """The regions that answered a command which an operator typed."""

    @functools.cached_property
    def of_pods(self) -> AwsGateway:
        """Open from the first pod on: the Job that claims the first epoch."""
        account = self._account
        return self._ends.enter_context(
            AwsGateway(
                account.endpoint_url,
                faults=account.faults,
                ledger=account.ledger,
                refusal=account.permissions.refusal,
                way=self._closed,
            )
        )

    @functools.cached_property
    def of_operators(self) -> AwsGateway:
        """Faults stop an operator too."""
        account = self._account
        return self._ends.enter_context(
            AwsGateway(account.endpoint_url, faults=account.faults, ledger=account.ledger, refusal=self._note)
        )

    def _note(self, caller: str, received: Received) -> None:
        if caller == TYPED:
            self.typed.add(received.region)

    def client(self, service: Any, region: str) -> Any:
        """A client of an operator."""
        return self._client(service, region, self.of_operators.url)

    def unstopped(self, service: Any, region: str) -> Any:
        """A client of the world itself, which no fault stops."""
        return self._client(service, region, self._account.endpoint_url)

    def _client(self, service: Any, region: str, url: str) -> Any:
        """One for all callers: a new one takes a tenth of a second."""
        key = (service, region, url)
        with self._making:
            if key not in self._clients:
                self._clients[key] = self._session.client(
                    service, region_name=region, endpoint_url=url, config=_PATIENCE
                )
            return self._clients[key]

    def _closed(self, caller: str, service: str) -> str | None:
        """The reason for which a call of pods does not arrive at AWS; None if it does.

        Secrets are read by the driver that mounts them, to which the network policies of the pods do not apply.
        """
        region, _, account = caller.partition(".")
        for name, pods in reversed(self._pods.items()):
            if pods.region == region and service == "secretsmanager":
                return to_service(self._declared, name, service)
            if pods.region == region and account in pods.labels and pods.network:
                return pods.network.to_service(pods.labels[account], service)
        return None
