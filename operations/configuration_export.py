"""Export the configuration of a site: the namespace's objects, the deployed images, and the stack's resources.

Each export is a folder of its own in the site's bucket of backups, which locks it and copies it to the other region.
Its manifest is written last. The job compares the export with the last one, and checks the copy of an earlier one.
"""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from operations import configuration, version_control
from operations.backup_store import COPIED_AFTER, BackupStore, StoreError
from operations.cluster import Cluster, ForbiddenError, Kind
from operations.configuration import OBJECTS, Snapshot, checksum
from operations.environment import Reader
from operations.exit_codes import FAILURE, SUCCESS
from operations.job import JobFailedError, exit_code
from operations.log import say
from operations.manifest import backup_name, is_name, moment_of
from operations.version_control import Repository
from recovery.naming import BACKUP_CONFIGURATION

FORMAT = 1
MANIFEST, CHANGES = "manifest.json", "changes.diff"
NEVER_READ = "Secret"
"""The job's service account may not read Secrets, and it does not try to."""


class ExportError(JobFailedError):
    """The export would be incomplete."""


@dataclass(frozen=True, kw_only=True)
class ConfigurationExport:
    """The export of one site."""

    site: str
    namespace: str
    cluster: Cluster
    state: Callable[[], str]
    """Reads the stack's state."""
    store: BackupStore
    copy: BackupStore
    """The bucket in the other region, which is read."""
    publish: Callable[[Mapping[str, str]], str] | None = None
    """Pushes files to version control and returns the commit."""
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def run(self) -> bool:
        """Export, and check the copy of an earlier export. Returns whether the copy is good.

        Raises:
            JobFailedError: if a part could not be read or written.
        """
        objects, skipped = self._objects()
        try:
            snapshot = configuration.snapshot(objects, self.state())
        except configuration.CheckpointError as error:
            raise ExportError(str(error)) from error
        earlier = self._exports(self.store)
        self._write(snapshot, objects, skipped, earlier[-1] if earlier else None)
        if self.publish is not None:
            say("configuration pushed", commit=self.publish(snapshot.files))
        return self._is_copied(earlier)

    def _objects(self) -> tuple[list[configuration.Object], dict[str, str]]:
        discovery = self.cluster.discover()
        skipped = dict(discovery.unavailable)
        objects: list[configuration.Object] = []
        for kind in discovery.kinds:
            if kind.name == NEVER_READ:
                skipped[_title(kind)] = "values of secrets are not exported"
                continue
            try:
                objects += self.cluster.objects(kind, self.namespace)
            except ForbiddenError as error:
                skipped[_title(kind)] = str(error)
        if not any(entry["kind"] == "Deployment" for entry in objects):
            raise ExportError(f"the namespace {self.namespace} has no Deployment that this job may list")
        return objects, skipped

    def _write(
        self, snapshot: Snapshot, objects: list[configuration.Object], skipped: dict[str, str], last: str | None
    ) -> None:
        name = backup_name(self.clock(), secrets.token_hex(4))
        before = {file: self.store.text(_key(last, file)) for file in snapshot.files} if last else {}
        changes = configuration.changes(before, snapshot.files)
        files = {**snapshot.files, CHANGES: changes}
        for file, text in files.items():
            self.store.write(_key(name, file), text)
        changed = configuration.changed_objects(before.get(OBJECTS, ""), snapshot.objects)
        manifest: dict[str, Any] = {
            "format": FORMAT,
            "name": name,
            "site": self.site,
            "namespace": self.namespace,
            "previous": last,
            "sha256": {file: checksum(text) for file, text in files.items()},
            "objects": dict(sorted(Counter(str(entry["kind"]) for entry in objects).items())),
            "secrets": configuration.secret_names(objects),
            "notExported": skipped,
            "changed": changed,
        }
        self.store.write(_key(name, MANIFEST), json.dumps(manifest, indent=1) + "\n")
        say("configuration exported", name=name, objects=len(objects), changed=changed, not_exported=sorted(skipped))

    def _is_copied(self, earlier: list[str]) -> bool:
        due = [name for name in earlier if self.clock() - moment_of(name) >= COPIED_AFTER]
        if not due:
            say("no earlier export")
            return True
        try:
            manifest = json.loads(self.copy.text(_key(due[-1], MANIFEST)))
            wrong = [
                file
                for file, expected in manifest["sha256"].items()
                if checksum(self.copy.text(_key(due[-1], file))) != expected
            ]
        except StoreError as error:
            say("copy not found", name=due[-1], problem=str(error))
            return False
        say("copy checked", name=due[-1], bucket=self.copy.bucket, wrong=wrong)
        return not wrong

    def _exports(self, store: BackupStore) -> list[str]:
        """The names of the complete exports in a bucket, the oldest first."""
        keys = [key.removeprefix(BACKUP_CONFIGURATION) for key in store.keys(BACKUP_CONFIGURATION)]
        folders = [key.removesuffix(f"/{MANIFEST}") for key in keys if key.endswith(f"/{MANIFEST}")]
        return sorted(folder for folder in folders if is_name(folder))


def _key(name: str, file: str) -> str:
    return f"{BACKUP_CONFIGURATION}{name}/{file}"


def _title(kind: Kind) -> str:
    return f"{kind.api_version} {kind.name}"


def main(environment: Mapping[str, str]) -> int:
    """Make one export.

    Reads AWS_REGION, SITE, NAMESPACE, API_SERVER, CREDENTIALS_FOLDER, STATE_BUCKET, STATE_KEY, BACKUP_BUCKET,
    COPY_BUCKET, COPY_REGION and DEADLINE_SECONDS; and REPOSITORY_URL, REPOSITORY_BRANCH and REPOSITORY_TOKEN_SECRET if
    the export is pushed to version control.
    """
    reader = Reader(environment)
    region, site, namespace = reader.text("AWS_REGION"), reader.text("SITE"), reader.text("NAMESPACE")
    cluster = Cluster(reader.text("API_SERVER"), Path(reader.text("CREDENTIALS_FOLDER")))
    state, state_key = BackupStore.connect(region, reader.text("STATE_BUCKET")), reader.text("STATE_KEY")
    store = BackupStore.connect(region, reader.text("BACKUP_BUCKET"))
    copy = BackupStore.connect(reader.text("COPY_REGION"), reader.text("COPY_BUCKET"))
    repository = _repository(reader, region) if environment.get("REPOSITORY_URL") else None
    seconds = reader.number("DEADLINE_SECONDS")
    reader.done()
    export = ConfigurationExport(
        site=site,
        namespace=namespace,
        cluster=cluster,
        state=lambda: state.text(state_key),
        store=store,
        copy=copy,
        publish=(lambda files: version_control.push(repository(), site, files)) if repository else None,
    )
    return exit_code("configuration export", lambda: SUCCESS if export.run() else FAILURE, seconds=seconds)


def _repository(reader: Reader, region: str) -> Callable[[], Repository]:
    url, branch = reader.text("REPOSITORY_URL"), reader.text("REPOSITORY_BRANCH")
    secret = reader.text("REPOSITORY_TOKEN_SECRET")
    return lambda: Repository(url, branch, version_control.read_token(region, secret))
