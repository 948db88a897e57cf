"""The model that the pods of a site's crisis detector have loaded, and whether it lets them live (docs/services.md)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from botocore.exceptions import BotoCoreError, ClientError

from recovery.naming import MODEL_KEY
from rehearsal.world.detector import HYBRID, OWN_MODEL, CrashError, Model, ModelError, detect, read_model
from rehearsal.world.pod_clients import pod_client

SAMPLE = "I am thinking about hurting myself"
Fetch = Callable[[str, str], bytes]
"""Takes a bucket and a version id, and returns the object. Raises a ModelError if the pods do not get it."""


def no_bucket(bucket: str, version: str) -> bytes:
    """A `Fetch` of pods that have no bucket."""
    raise ModelError(f"{bucket} has no version {version}")


def from_bucket(caller: str, region: str, endpoint: str, bucket: str, version: str) -> bytes:
    """A version of the model, read with the role of the pods.

    Args:
        caller: the access key of the pods.
        region: of the bucket.
        endpoint: the address of AWS.
        bucket: the bucket.
        version: the version id.

    Raises:
        ModelError: if they do not get it.
    """
    client = pod_client("s3", caller, region, endpoint)
    try:
        return client.get_object(Bucket=bucket, Key=MODEL_KEY, VersionId=version)["Body"].read()
    except (BotoCoreError, ClientError) as error:
        raise ModelError(str(error)) from error


class LoadedModel:
    """The model of the present pods. Those that replace them load theirs again.

    Pods that a model has ended stay down until they are replaced: Kubernetes would start them again after longer and
    longer waits, and the next message would end them again.

    Args:
        pods: returns a name of the present pods.
        fetch: reads a version from the bucket.
    """

    def __init__(self, pods: Callable[[], str], fetch: Fetch) -> None:
        self._pods, self._fetch = pods, fetch
        self._lock = threading.Lock()
        self._loaded: tuple[str, Model | None, str] | None = None
        """The pods, their model, and why they do not serve; empty if they do."""

    def detect(self, message: str, config: Mapping[str, str], mode: str) -> bool:
        """Whether a message is about a crisis.

        Raises:
            ConnectionError: if the pods are down, or this message ends them.
        """
        model = self._present(config, mode)
        try:
            return detect(message, mode, model)
        except CrashError as error:
            with self._lock:
                self._loaded = self._pods(), None, str(error)
            raise ConnectionError(str(error)) from error

    def refusal(self, config: Mapping[str, str], mode: str) -> str | None:
        """The reason for which the pods are not ready; None if they are."""
        try:
            self._present(config, mode)
        except ConnectionError as error:
            return str(error)
        return None

    def _present(self, config: Mapping[str, str], mode: str) -> Model:
        pods, loaded = self._pods(), self._loaded
        if loaded is None or loaded[0] != pods:
            with self._lock:
                loaded = self._loaded
                if loaded is None or loaded[0] != pods:
                    loaded = self._loaded = (pods, *self._load(config, mode))
        _, model, refusal = loaded
        if model is None:
            raise ConnectionError(refusal)
        return model

    def _load(self, config: Mapping[str, str], mode: str) -> tuple[Model | None, str]:
        version = config.get("MODEL_VERSION", "")
        if mode != HYBRID or not version:
            return OWN_MODEL, ""
        try:
            model = read_model(self._fetch(config.get("MODEL_BUCKET", ""), version))
            detect(SAMPLE, mode, model)
        except (ModelError, CrashError) as error:
            return None, f"the model {version} cannot be loaded: {error}"
        return model, ""
