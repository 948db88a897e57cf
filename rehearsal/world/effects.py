"""The world's reactions to changes of the account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rehearsal.world.clock import ScaledClock
from rehearsal.world.declared import Declared
from rehearsal.world.front import Fronts
from rehearsal.world.postgres import PostgresServers
from rehearsal.world.tls import PARAMETERS

INSTANCE = "aws:rds/instance:Instance"
CHANGE_SECONDS = 60
"""Simulated seconds that a promotion and a restore take: longer than health checks need to move traffic, so that a
rehearsal shows what people meet meanwhile. The reports assume RDS's own time besides (`procedures.assumptions`)."""


class EnvironmentEffects:
    """Keeps one real PostgreSQL server behind each RDS instance, and notes what is declared."""

    def __init__(self, servers: PostgresServers, fronts: Fronts, clock: ScaledClock) -> None:
        self._servers = servers
        self._fronts = fronts
        self._clock = clock
        self.declared = Declared()
        """Every resource of AWS that exists."""
        self.by_address: dict[str, str] = {}
        """The server's name by the host name that RDS gives its instance."""

    def created(self, type_: str, region: str, id_: str, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
        """Start an empty server, a replica of the source, or a restored server."""
        self._fronts.changed(type_, id_, inputs, outputs)
        self.declared.changed(type_, id_, inputs, outputs, region)
        if type_ != INSTANCE:
            return
        name = str(inputs["identifier"])
        source, point = inputs.get("replicateSourceDb"), inputs.get("restoreToPointInTime")
        if source:
            self._servers.replicate(name, str(source).rsplit(":", 1)[-1], delay=self._delay(inputs))
        elif point:
            moment = "latest" if point.get("useLatestRestorableTime") else str(point["restoreTime"])
            self._clock.sleep(CHANGE_SECONDS)
            self._servers.restore(name, str(point["sourceDbInstanceIdentifier"]), moment)
        else:
            # The platform's first deployment creates its tables. A later database gets them from a dump.
            self._servers.create(name, str(inputs["password"]), tables=not self.by_address)
        self.by_address[str(outputs["address"])] = name

    def updated(
        self,
        type_: str,
        region: str,
        id_: str,
        old_inputs: Mapping[str, Any],
        inputs: Mapping[str, Any],
        outputs: Mapping[str, Any],
    ) -> None:
        """Promote a server whose replication source was removed. As RDS does, it restarts it after some time.

        A new password of the master user takes effect at once.
        """
        self._fronts.changed(type_, id_, inputs, outputs)
        self.declared.changed(type_, id_, inputs, outputs, region)
        if type_ == INSTANCE and inputs.get("password") not in (None, old_inputs.get("password")):
            self._servers.change_password(str(inputs["identifier"]), str(inputs["password"]))
        if type_ == INSTANCE and old_inputs.get("replicateSourceDb") and not inputs.get("replicateSourceDb"):
            name = str(inputs["identifier"])
            self._clock.sleep(CHANGE_SECONDS)
            self._servers.kill(name)
            self._servers.start(name)
            self._servers.promote(name)

    def _delay(self, inputs: Mapping[str, Any]) -> int:
        """The milliseconds after which a replica applies a change, by its parameter group."""
        group = self.declared.get(PARAMETERS, str(inputs.get("parameterGroupName")))
        settings = {entry["name"]: entry["value"] for entry in group.inputs["parameters"]} if group else {}
        return int(settings.get("recovery_min_apply_delay", 0))

    def deleted(self, type_: str, region: str, id_: str, outputs: Mapping[str, Any]) -> None:
        """Stop a server."""
        self._fronts.deleted(id_)
        self.declared.deleted(type_, id_, region)
        if type_ == INSTANCE and str(outputs["identifier"]) in self._servers:
            self._servers.kill(str(outputs["identifier"]))
