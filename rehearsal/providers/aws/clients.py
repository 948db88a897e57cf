"""Clients of AWS services. Every call is first checked against the faults, and counted."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import botocore.session
from botocore.client import BaseClient
from botocore.config import Config
from botocore.loaders import create_loader
from botocore.model import OperationModel, ServiceModel
from botocore.validate import ParamValidator

from rehearsal.providers.backend import Faults, Plain

GLOBAL_SERVICES = {"iam": "us-east-1", "route53": "us-east-1", "cloudfront": "us-east-1"}
"""Services with a single endpoint, and the region whose name signs their calls."""

_CONFIG = Config(
    connect_timeout=5,
    read_timeout=60,
    retries={"total_max_attempts": 1},
    max_pool_connections=32,
    s3={"addressing_style": "path"},
)


MODELS = create_loader()
"""AWS's descriptions of its services, read once per process, because reading them is the slow part of a new client."""


class Clients:
    """Clients by service and region, each created once. Safe for use by many threads."""

    def __init__(self, endpoint_url: str, faults: Faults) -> None:
        self.calls: Counter[tuple[str, str, str]] = Counter()
        """The number of permitted calls by (service, operation, region)."""
        self._endpoint_url = endpoint_url
        self._faults = faults
        self._session = botocore.session.Session()
        self._session.register_component("data_loader", MODELS)
        self._session.set_credentials("rehearsal", "rehearsal")
        self._made: dict[tuple[str, str], BaseClient] = {}
        self._models: dict[str, ServiceModel] = {}
        self._lock = threading.Lock()

    def get(self, service: str, region: str) -> Any:
        """The client of a service in a region."""
        key = (service, GLOBAL_SERVICES.get(service, region))
        with self._lock:
            if key not in self._made:
                self._made[key] = self._make(*key)
            return self._made[key]

    def model(self, service: str, operation: str) -> OperationModel:
        """An operation in AWS's own service description. The name is AWS's, such as `CreateAddon`."""
        with self._lock:
            if service not in self._models:
                self._models[service] = self._session.get_service_model(service)
        return self._models[service].operation_model(operation)

    def pretend(self, service: str, operation: str, region: str, parameters: Plain) -> None:
        """Everything of a call except sending it: the faults, and botocore's validation of the parameters.

        Raises:
            ValueError: if the parameters do not fit the operation.
        """
        self.pass_(service, operation, region)
        shape: Any = self.model(service, operation).input_shape
        report = ParamValidator().validate(parameters, shape)
        if report.has_errors():
            raise ValueError(f"{service} {operation}: {report.generate_report()}")

    def ask(self, service: str, region: str, operation: str = "") -> None:
        """Check a service and a region against the faults. Raises the fault's error."""
        self._faults.check(service, region, operation)

    def pass_(self, service: str, operation: str, region: str) -> None:
        """Check a call against the faults, and count it."""
        self.ask(service, region, operation)
        with self._lock:
            self.calls[service, operation, region] += 1

    def _make(self, service: str, region: str) -> BaseClient:
        client = self._session.create_client(
            service, region_name=region, endpoint_url=self._endpoint_url, config=_CONFIG
        )

        def before(model: OperationModel, **_: Any) -> None:
            self.pass_(service, model.name, region)

        client.meta.events.register("provide-client-params", before)
        return client
