"""A stand-in for the platform's crisis detection. A rehearsal only needs something that can be reached or not."""

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
    """Whether a message is about a crisis.

    Args:
        message: the message of a person.
        mode: the ConfigMap's CRISIS_FALLBACK_MODE. `hybrid` adds a score of single words to the keywords, instead of
            the platform's models. Every other mode uses only the keywords, which need no model.
    """
    if _KEYWORDS.search(message):
        return True
    words = set(re.findall(r"[a-z]+", message.lower()))
    return mode == HYBRID and sum(weight for word, weight in _WEIGHTS.items() if word in words) >= _THRESHOLD
