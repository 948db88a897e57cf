from __future__ import annotations

import pytest

from engine.replacement import UnknownTypeError
from rehearsal.providers.random import RandomBackend

PASSWORD = "random:index/randomPassword:RandomPassword"
URN = (
    "urn:pulumi:primary::lifeline::lifeline:index:DatabasePassword$random:index/randomPassword:RandomPassword::password"
)


def test_the_same_urn_and_seed_give_the_same_password():
    first, second = RandomBackend(7), RandomBackend(7)
    assert first.create(PASSWORD, URN, {"length": 40}) == second.create(PASSWORD, URN, {"length": 40})


@pytest.mark.parametrize(("seed", "urn"), [(8, URN), (7, f"{URN}2")])
def test_another_seed_or_urn_gives_another_password(seed, urn):
    _, own = RandomBackend(7).create(PASSWORD, URN, {"length": 40})
    _, other = RandomBackend(seed).create(PASSWORD, urn, {"length": 40})
    assert own["result"] != other["result"]


def test_a_password_has_its_length_and_only_the_characters_allowed():
    _, outputs = RandomBackend().create(PASSWORD, URN, {"length": 48, "special": False, "minNumeric": 30})
    assert len(outputs["result"]) == 48
    assert outputs["result"].isalnum()
    assert sum(character.isdigit() for character in outputs["result"]) >= 30


def test_the_id_of_a_password_does_not_tell_it():
    id_, outputs = RandomBackend().create(PASSWORD, URN, {"length": 12})
    assert id_ == "none"
    assert outputs["id"] == "none"


def test_a_random_id_is_written_in_every_base():
    _, outputs = RandomBackend().create("random:index/randomId:RandomId", URN, {"byteLength": 4, "prefix": "x-"})
    assert int(outputs["hex"].removeprefix("x-"), 16) == int(outputs["dec"].removeprefix("x-"))
    assert len(outputs["hex"]) == len("x-") + 8


def test_changed_keepers_draw_again():
    backend = RandomBackend()
    kind = "random:index/randomInteger:RandomInteger"
    drawn = {
        backend.create(kind, URN, {"min": 0, "max": 10**9, "keepers": {"at": str(at)}})[1]["result"] for at in range(3)
    }
    assert len(drawn) == 3


def test_every_input_forces_replacement():
    assert {"length", "special", "keepers"} <= RandomBackend().replaces(PASSWORD)


def test_a_length_below_what_it_must_hold_is_refused():
    inputs = {"length": 3, "minLower": 2, "minUpper": 2}
    assert RandomBackend().check(PASSWORD, inputs) == [("length", "is 3, less than the 4 characters asked for")]


def test_an_unknown_type_is_an_error_that_names_it():
    with pytest.raises(UnknownTypeError, match="random:index/randomBytes:RandomBytes"):
        RandomBackend().create("random:index/randomBytes:RandomBytes", URN, {})
