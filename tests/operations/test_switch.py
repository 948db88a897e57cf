"""The answers of S3 about the takeover object."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from operations.switch import SwitchUnreachableError
from tests.operations.world import SILENT, Bucket, switch


@pytest.mark.parametrize("code", ["404", "NoSuchKey", "NotFound"])
def test_a_takeover_object_that_is_not_there_is_no_mistake(code: str) -> None:
    failure = ClientError({"Error": {"Code": code, "Message": "no"}}, "HeadObject")
    assert switch(Bucket(failure=failure)).release() is False


@pytest.mark.parametrize("failure", [ClientError({"Error": {"Code": "403"}}, "HeadObject"), SILENT])
def test_any_other_answer_of_the_switch_is_told(failure: Exception) -> None:
    with pytest.raises(SwitchUnreachableError):
        switch(Bucket(failure=failure)).release()
