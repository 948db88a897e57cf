"""Property values on the wire and back."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import struct_pb2
from hypothesis import given
from hypothesis import strategies as st
from pulumi.runtime.rpc import UNKNOWN

from engine import wire

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=12)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1, 1) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT.filter(lambda key: key != wire.SIGNATURE), inner),
    max_leaves=12,
)


def message(**properties: Any) -> struct_pb2.Struct:
    value = struct_pb2.Struct()
    value.update(properties)
    return value


def signed(signature: str, **content: Any) -> dict[str, Any]:
    return {wire.SIGNATURE: signature, **content}


@given(st.dictionaries(TEXT.filter(lambda key: key != wire.SIGNATURE), PLAIN, max_size=5))
def test_plain_values_survive_the_wire(properties: dict[str, Any]) -> None:
    assert wire.decode(wire.encode(properties)) == properties


@pytest.mark.parametrize(("sent", "type_"), [(3.0, int), (3.5, float)])
def test_a_whole_number_comes_back_whole(sent: float, type_: type) -> None:
    value = wire.decode(message(size=sent))["size"]
    assert value == sent
    assert type(value) is type_


def test_a_secret_is_unwrapped_and_known_as_one() -> None:
    properties = message(password=signed(wire.SECRET, value="x"), user="lifeline")
    assert wire.decode(properties) == {"password": "x", "user": "lifeline"}
    assert wire.secret_keys(properties) == {"password"}


def test_a_secret_is_known_however_deep_it_lies() -> None:
    properties = message(environment=[{"value": signed(wire.SECRET, value="x")}])
    assert wire.secret_keys(properties) == {"environment"}


def test_what_a_secret_holds_is_plain_as_well() -> None:
    properties = message(ports=signed(wire.SECRET, value=[5432.0, signed(wire.OUTPUT, value="x")]))
    assert wire.decode(properties) == {"ports": [5432, "x"]}


@pytest.mark.parametrize(("secret", "expected"), [(True, {"key"}), (False, set[str]())])
def test_an_output_says_itself_whether_it_is_secret(secret: bool, expected: set[str]) -> None:
    properties = message(key=signed(wire.OUTPUT, value="x", secret=secret))
    assert wire.decode(properties) == {"key": "x"}
    assert wire.secret_keys(properties) == expected


def test_what_is_marked_secret_is_wrapped() -> None:
    sent = wire.encode({"password": "x", "user": "y"}, secrets={"password"})
    assert wire.secret_keys(sent) == {"password"}
    assert wire.decode(sent) == {"password": "x", "user": "y"}


def test_an_output_without_a_value_is_unknown() -> None:
    value = wire.decode(message(tags=[{"arn": signed(wire.OUTPUT)}]))
    assert value == {"tags": [{"arn": UNKNOWN}]}
    assert wire.is_unknown(value)
    assert not wire.is_unknown({"tags": [{"arn": "arn:known"}]})


@pytest.mark.parametrize("signature", [wire.OUTPUT, wire.SECRET])
def test_nothing_is_a_value_and_not_unknown(signature: str) -> None:
    assert wire.decode(message(tags=signed(signature, value=None))) == {"tags": None}


def test_an_asset_is_handed_on_as_it_came() -> None:
    """The program has none. A provider must not take the marker's text for the value."""
    asset = signed("c44067f5952c0a294b673a41bacd8c17", hash="1a2b", text="x")
    assert wire.decode(message(source=asset)) == {"source": asset}


@pytest.mark.parametrize(("content", "expected"), [({"urn": "urn:a", "id": "i-1"}, "i-1"), ({"urn": "urn:a"}, "urn:a")])
def test_a_resource_is_its_id_or_its_urn(content: dict[str, str], expected: str) -> None:
    assert wire.decode(message(on=signed(wire.RESOURCE, **content))) == {"on": expected}
