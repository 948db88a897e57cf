"""The model of the crisis detector: which one its pods have, and what becomes of them."""

from __future__ import annotations

import json

import pytest

from rehearsal.world.detector import HYBRID, KEYWORD_ONLY, OWN_MODEL, ModelError
from rehearsal.world.models import LoadedModel, no_bucket

VERSIONS = {
    "good": json.dumps({"weights": {"numb": 1.0}, "threshold": 0.6}),
    "deadly": json.dumps({"weights": {"numb": None}, "threshold": 0.6}),
    "deadly-at-once": json.dumps({"weights": {"hurting": None}, "threshold": 0.6}),
    "broken": "{",
    "a list": "[]",
    "without weights": json.dumps({"threshold": 1}),
}
MESSAGE = "I have felt numb for weeks"
KEYWORDS = "I want to die"


class Pods:
    """The pods of a detector, and the versions in its bucket."""

    def __init__(self) -> None:
        self.name = "first"
        self.fetched: list[tuple[str, str]] = []
        self.model = LoadedModel(lambda: self.name, self._fetch)

    def _fetch(self, bucket: str, version: str) -> bytes:
        self.fetched.append((bucket, version))
        try:
            return VERSIONS[version].encode()
        except KeyError:
            return no_bucket(bucket, version)

    def finds(self, message: str, version: str = "", mode: str = HYBRID) -> bool:
        return self.model.detect(message, {"MODEL_BUCKET": "models", "MODEL_VERSION": version}, mode)

    def refusal(self, version: str, mode: str = HYBRID) -> str | None:
        return self.model.refusal({"MODEL_BUCKET": "models", "MODEL_VERSION": version}, mode)


@pytest.fixture
def pods() -> Pods:
    return Pods()


def test_without_a_version_the_pods_have_the_model_of_their_image(pods: Pods) -> None:
    assert not pods.finds(MESSAGE)
    assert pods.finds("it is hopeless, and I have pills")
    assert pods.fetched == []


def test_a_version_is_loaded_once_for_the_same_pods(pods: Pods) -> None:
    assert [pods.finds(MESSAGE, "good") for _ in range(3)] == [True] * 3
    assert pods.fetched == [("models", "good")]
    pods.name = "second"
    assert pods.finds(MESSAGE, "good")
    assert len(pods.fetched) == 2


def test_keywords_alone_load_no_model(pods: Pods) -> None:
    assert pods.finds(KEYWORDS, "deadly", KEYWORD_ONLY)
    assert not pods.finds(MESSAGE, "good", KEYWORD_ONLY)
    assert pods.fetched == []


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        ("missing", "the model missing cannot be loaded: models has no version missing"),
        ("broken", "the model broken cannot be loaded: it is no model: JSONDecodeError"),
        ("a list", "the model a list cannot be loaded: it is no model: TypeError"),
        ("without weights", "the model without weights cannot be loaded: it is no model: KeyError"),
        ("deadly-at-once", "the model deadly-at-once cannot be loaded: the model ended the process: unsupported"),
    ],
)
def test_pods_whose_model_cannot_be_loaded_are_not_ready(pods: Pods, version: str, reason: str) -> None:
    assert (pods.refusal(version) or "").startswith(reason)
    with pytest.raises(ConnectionError, match="cannot be loaded"):
        pods.finds(KEYWORDS, version)
    pods.name = "second"
    assert pods.refusal("good") is None


def test_pods_that_a_model_has_ended_stay_down_until_they_are_replaced(pods: Pods) -> None:
    assert pods.refusal("deadly") is None
    assert pods.finds(KEYWORDS, "deadly")
    with pytest.raises(ConnectionError, match="the model ended the process"):
        pods.finds(MESSAGE, "deadly")
    with pytest.raises(ConnectionError):
        pods.finds(KEYWORDS, "deadly")
    assert (pods.refusal("good") or "").startswith("the model ended the process")
    pods.name = "second"
    assert pods.refusal("good") is None
    assert pods.finds(MESSAGE, "good")


def test_the_model_of_the_image_needs_more_than_one_word() -> None:
    assert not OWN_MODEL.finds("I am alone")


def test_pods_without_a_bucket_get_no_version() -> None:
    with pytest.raises(ModelError, match="models has no version 1"):
        no_bucket("models", "1")
