"""A stand-in for the platform's own crisis detection. It exists to be reached or not; nobody's life hangs on it."""

from __future__ import annotations

import re

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
_WEIGHTS = {"hopeless": 0.4, "alone": 0.2, "goodbye": 0.3, "burden": 0.3, "pills": 0.4, "anymore": 0.2}
_THRESHOLD = 0.6


def detect(message: str, mode: str) -> bool:
    """Whether a message speaks of a crisis.

    Args:
        message: what somebody wrote.
        mode: the ConfigMap's CRISIS_FALLBACK_MODE; `hybrid` adds a score of single words to the keywords, in place of
            the platform's models. Every other mode is the keywords alone, which need no model.
    """
    if _KEYWORDS.search(message):
        return True
    words = set(re.findall(r"[a-z]+", message.lower()))
    return mode == HYBRID and sum(weight for word, weight in _WEIGHTS.items() if word in words) >= _THRESHOLD
