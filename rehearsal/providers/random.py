"""The random stand-in. Its values depend on the URN and a seed only, so a rehearsal is repeatable."""

from __future__ import annotations

import base64
import random
import string
import uuid
from collections.abc import Callable

from engine.replacement import UnknownTypeError, replacing_inputs
from rehearsal.providers.backend import NoImports, Plain, digest

_SPECIAL = "!@#$%&*()-_=+[]{}<>:?"
"""The provider's default set of special characters."""
_WORDS = (
    "able",
    "brave",
    "calm",
    "dear",
    "eager",
    "fair",
    "glad",
    "keen",
    "kind",
    "mild",
    "neat",
    "proud",
    "sure",
    "warm",
)


def _text(source: random.Random, inputs: Plain) -> str:
    """Text of the requested length, with at least the requested number of each kind of character."""
    special = inputs.get("overrideSpecial") or _SPECIAL
    numeric = inputs.get("numeric", inputs.get("number", True))
    kinds = (
        (string.ascii_lowercase, inputs.get("lower", True), inputs.get("minLower", 0)),
        (string.ascii_uppercase, inputs.get("upper", True), inputs.get("minUpper", 0)),
        (string.digits, numeric, inputs.get("minNumeric", 0)),
        (special, inputs.get("special", True), inputs.get("minSpecial", 0)),
    )
    chosen = [source.choice(letters) for letters, _, least in kinds for _ in range(int(least))]
    everything = "".join(letters for letters, allowed, _ in kinds if allowed)
    chosen += [source.choice(everything) for _ in range(int(inputs["length"]) - len(chosen))]
    source.shuffle(chosen)
    return "".join(chosen)


def _string(source: random.Random, inputs: Plain) -> tuple[str, Plain]:
    text = _text(source, inputs)
    return text, {"result": text}


def _password(source: random.Random, inputs: Plain) -> tuple[str, Plain]:
    """A password. Its id is `none`, because ids are not secret."""
    text = _text(source, inputs)
    return "none", {"result": text, "bcryptHash": f"$2a$10$rehearsal{digest(text, 44)}"}


def _id(source: random.Random, inputs: Plain) -> tuple[str, Plain]:
    raw = source.randbytes(int(inputs["byteLength"]))
    prefix: str = inputs.get("prefix") or ""
    url = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    return url, {
        "b64Url": prefix + url,
        "b64Std": prefix + base64.b64encode(raw).decode(),
        "hex": prefix + raw.hex(),
        "dec": prefix + str(int.from_bytes(raw)),
    }


def _pet(source: random.Random, inputs: Plain) -> tuple[str, Plain]:
    words = [source.choice(_WORDS) for _ in range(int(inputs.get("length") or 2))]
    name = str(inputs.get("separator") or "-").join([*([inputs["prefix"]] if inputs.get("prefix") else []), *words])
    return name, {}


def _uuid(source: random.Random, inputs: Plain) -> tuple[str, Plain]:
    text = str(uuid.UUID(bytes=source.randbytes(16), version=4))
    return text, {"result": text}


def _integer(source: random.Random, inputs: Plain) -> tuple[str, Plain]:
    number = source.randint(int(inputs["min"]), int(inputs["max"]))
    return str(number), {"result": number}


_Make = Callable[[random.Random, Plain], tuple[str, Plain]]

_MAKERS: dict[str, _Make] = {
    "random:index/randomString:RandomString": _string,
    "random:index/randomPassword:RandomPassword": _password,
    "random:index/randomId:RandomId": _id,
    "random:index/randomPet:RandomPet": _pet,
    "random:index/randomUuid:RandomUuid": _uuid,
    "random:index/randomInteger:RandomInteger": _integer,
}


class RandomBackend(NoImports):
    """The random provider. Every input is part of the value, so any change replaces it (provider documentation)."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed

    def configured(self, settings: Plain) -> RandomBackend:
        """This provider, which has no settings."""
        return self

    def check(self, type_: str, inputs: Plain) -> list[tuple[str, str]]:
        """Inputs that the type does not have, and a length too short for the required characters."""
        known = self.replaces(type_)
        failures = [(key, f"{type_} has no such input") for key in inputs if key not in known]
        least = sum(int(value or 0) for key, value in inputs.items() if key.startswith("min") and key != "min")
        if "length" in known and "length" in inputs and int(inputs["length"]) < least:
            failures.append(("length", f"is {inputs['length']}, less than the {least} characters asked for"))
        return failures

    def replaces(self, type_: str) -> frozenset[str]:
        """Every input. Raises UnknownTypeError."""
        return replacing_inputs(type_)

    def create(self, type_: str, urn: str, inputs: Plain) -> tuple[str, Plain]:
        """A value that depends on the URN and the seed only."""
        make = _maker(type_)
        source = random.Random(f"{self._seed}/{urn}/{sorted((inputs.get('keepers') or {}).items())}")
        id_, computed = make(source, {key: value for key, value in inputs.items() if value is not None})
        return id_, {**inputs, **computed, "id": id_}

    def update(self, type_: str, urn: str, id_: str, old_inputs: Plain, inputs: Plain, outputs: Plain) -> Plain:
        """Refuse: a random value cannot change in place.

        Raises:
            ValueError: always; the engine asks for a replacement instead.
        """
        raise ValueError(f"{type_}: a random value is replaced, never changed")

    def delete(self, type_: str, urn: str, id_: str, outputs: Plain) -> None:
        """Do nothing: a random value exists in the state only."""
        _maker(type_)

    def read(self, type_: str, urn: str, id_: str, outputs: Plain) -> Plain | None:
        """The value in the state."""
        _maker(type_)
        return outputs


def _maker(type_: str) -> _Make:
    try:
        return _MAKERS[type_]
    except KeyError:
        raise UnknownTypeError(type_) from None
