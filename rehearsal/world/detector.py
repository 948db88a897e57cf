"""A stand-in for the platform's crisis detection, with a model that is a file of weights."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

KEYWORD_ONLY = "keyword_only"
HYBRID = "hybrid"

_PHRASES = (
    r"self[- ]?harm",
    r"suicid",
    r"kill(ing)? myself",
    r"hurt(ing)? myself",
    r"end(ing)? my life",
    r"want to die",
    r"overdos",
)
_KEYWORDS = re.compile("|".join(_PHRASES), re.IGNORECASE)


class ModelError(Exception):
    """A file that is no model."""


class CrashError(Exception):
    """The model ends the process of its pod."""


@dataclass(frozen=True)
class Model:
    """A score of single words, instead of the platform's models."""

    weights: Mapping[str, Any]
    threshold: float

    def finds(self, message: str) -> bool:
        """Whether the words of a message reach the threshold.

        Raises:
            CrashError: if the weight of a word is no number.
        """
        words = set(re.findall(r"[a-z]+", message.lower()))
        try:
            return sum(weight for word, weight in self.weights.items() if word in words) >= self.threshold
        except TypeError as error:
            raise CrashError(f"the model ended the process: {error}") from error


OWN_MODEL = Model(
    {"hopeless": 0.4, "alone": 0.2, "goodbye": 0.3, "burden": 0.3, "pills": 0.4, "anymore": 0.2}, threshold=0.6
)
"""The model in the image."""


def read_model(content: bytes) -> Model:
    """A model from a bucket.

    Raises:
        ModelError: if it is none.
    """
    try:
        found = json.loads(content)
        return Model({**found["weights"]}, float(found["threshold"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"it is no model: {error!r}") from error


def detect(message: str, mode: str, model: Model = OWN_MODEL) -> bool:
    """Whether a message is about a crisis.

    Args:
        message: the message of a person.
        mode: the ConfigMap's CRISIS_FALLBACK_MODE. `hybrid` asks the model besides the keywords. Every other mode uses
            only the keywords, which need no model.
        model: the model.

    Raises:
        CrashError: if the model ends the process.
    """
    scored = mode == HYBRID and model.finds(message)
    return scored or bool(_KEYWORDS.search(message))
