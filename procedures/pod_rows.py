"""The keys of a database, listed by `psql` in a pod of its site: nothing else reaches it."""

from __future__ import annotations

import functools
import subprocess
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from procedures.access import Access, ProcedureError
from procedures.reconcile import Row, columns_of, query
from recovery.naming import DATABASE_NAME, DATABASE_USER, EXPORTER, NAMESPACE, cluster_name, database_identifier
from recovery.timeline import DatabaseId
from stacks.config import SiteConfig

SECONDS = 300
_SCRIPT = (
    'PGPASSWORD="$(cat "$DB_PASSWORD_FILE")" exec psql "$1" -X -v ON_ERROR_STOP=1 -At -F "$(printf "\\t")" -c "$2"'
)
"""The pods of the exporter have `psql`, the password and the certificate authorities."""


class PodRows:
    """A database of a site.

    Args:
        access: finds its address.
        config: of the site.
        database: the database.
        folder: keeps the configuration of `kubectl`.
    """

    def __init__(self, access: Access, config: SiteConfig, database: DatabaseId, folder: Path) -> None:
        self._access, self._config, self._database, self._folder = access, config, database, folder

    def keys(self, table: str, since: datetime) -> Iterator[Row]:
        """The rows of a table that were written since a moment.

        Raises:
            ProcedureError: if the pod or the database does not answer.
        """
        columns = self._ask(columns_of(table)).splitlines()
        for line in self._ask(query(table, since, columns)).splitlines():
            yield Row(table, *line.split("\t"))

    @functools.cached_property
    def _target(self) -> str:
        """The words with which `psql` connects."""
        name = database_identifier(self._database)
        rds = self._access.client("rds", self._config.region)
        (found,) = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
        return f"host={found['Endpoint']['Address']} dbname={DATABASE_NAME} user={DATABASE_USER} sslmode=verify-full"

    @functools.cached_property
    def _kubectl(self) -> tuple[str, ...]:
        """`kubectl` with a configuration of its own."""
        file = str(self._folder / str(self._database))
        cluster = cluster_name(self._config.site, self._config.cluster.serving_generation)
        where = ("--region", self._config.region, "--name", cluster, "--kubeconfig", file)
        self._run(("aws", "eks", "update-kubeconfig", *where))
        return ("kubectl", "--kubeconfig", file)

    def _ask(self, statement: str) -> str:
        pod = ("--namespace", NAMESPACE, "exec", f"deployment/{EXPORTER}", "--")
        return self._run((*self._kubectl, *pod, "sh", "-c", _SCRIPT, "sh", self._target, statement))

    def _run(self, words: Sequence[str]) -> str:
        try:
            done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ProcedureError(f"{words[0]}: {error}", f"lifeline preflight --stack {self._config.site}") from error
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["it failed"])[-1]
            hint = f"lifeline preflight --stack {self._config.site}; docs/runbooks/reconcile.md has the same by hand"
            raise ProcedureError(f"{self._database}: {last}", hint)
        return done.stdout
