"""TLS between a job and its database, as far as both declare it: the stand-in servers speak none.

Sources: Amazon RDS User Guide, "Using SSL with a PostgreSQL DB instance" (`rds.force_ssl` is 1 by default from
PostgreSQL 15 on); PostgreSQL documentation, "libpq: SSL Support", table of modes.
"""

from __future__ import annotations

from collections.abc import Mapping

from rehearsal.world.declared import Declared
from rehearsal.world.ways import instance_at

PARAMETERS = "aws:rds/parameterGroup:ParameterGroup"
BUNDLE = "/etc/ssl/rds/global-bundle.pem"
"""The certificates of RDS in the image of the jobs (`images/operations/Dockerfile`)."""
_CHECKS = ("verify-ca", "verify-full")


def no_tls(declared: Declared, address: str, environment: Mapping[str, str]) -> str | None:
    """The reason for which a job and its database do not agree on TLS; None if they do.

    Args:
        declared: the resources.
        address: the host name of the database.
        environment: of the job.
    """
    instance, mode = instance_at(declared, address), environment.get("PGSSLMODE", "prefer")
    group = declared.get(PARAMETERS, str(instance.inputs.get("parameterGroupName"))) if instance else None
    settings = {entry["name"]: entry["value"] for entry in group.inputs["parameters"]} if group else {}
    if mode in _CHECKS and environment.get("PGSSLROOTCERT") != BUNDLE:
        return f"the job trusts no certificate: PGSSLROOTCERT is {environment.get('PGSSLROOTCERT')}, not {BUNDLE}"
    if mode == "disable" and settings.get("rds.force_ssl", "1") == "1":
        return f"{address} refuses connections without TLS"
    return None
