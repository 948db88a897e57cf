from __future__ import annotations

import pytest

from rehearsal.world.faults import (
    BOUNDARIES,
    SLOW_SECONDS,
    Faults,
    Impairment,
    RegionUnavailableError,
    ThrottledError,
    people_to,
    pods_of,
)


def test_a_lost_region_refuses_every_service_there_and_nothing_elsewhere() -> None:
    faults = Faults()
    faults.lose("us-east-2")

    with pytest.raises(RegionUnavailableError, match=r"^rds in us-east-2 does not answer: the region is lost$"):
        faults.check("rds", "us-east-2")
    with pytest.raises(RegionUnavailableError):
        faults.check("s3", "us-east-2", "PutObject")
    faults.check("rds", "us-west-2")
    assert (faults.reachable("us-east-2"), faults.reachable("us-west-2")) == (False, True)


@pytest.mark.parametrize(
    ("service", "operation", "answers"),
    [
        ("rds", "", False),
        ("eks", "", False),
        ("eks", "DescribeCluster", False),
        ("dynamodb", "UpdateTable", False),
        ("dynamodb", "PutItem", True),
        ("secretsmanager", "CreateSecret", False),
        ("secretsmanager", "GetSecretValue", True),
        ("kms", "Decrypt", True),
        ("kms", "CreateKey", False),
        ("s3", "PutObject", True),
        ("s3", "", True),
    ],
)
def test_without_its_control_planes_a_region_serves_and_takes_no_change(
    service: str, operation: str, answers: bool
) -> None:
    faults = Faults()
    faults.lose_control_planes("us-east-2")
    faults.check(service, "us-west-2", operation)
    assert faults.reachable("us-east-2")
    if answers:
        faults.check(service, "us-east-2", operation)
    else:
        with pytest.raises(RegionUnavailableError, match="the control planes of the region are lost"):
            faults.check(service, "us-east-2", operation)
    faults.restore("us-east-2")
    faults.check(service, "us-east-2", operation)


def test_a_restored_region_answers_again() -> None:
    faults = Faults()
    faults.lose("us-east-2")
    faults.restore("us-east-2")

    faults.check("rds", "us-east-2")
    assert faults.lost == frozenset()


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("route53", "ChangeResourceRecordSets"),
        ("route53", ""),
        ("iam", "CreateRole"),
        ("cloudfront", "UpdateDistribution"),
        ("s3", "CreateBucket"),
        ("s3", "PutBucketPolicy"),
        ("s3", "PutPublicAccessBlock"),
    ],
)
@pytest.mark.parametrize("loss", ["region", "control planes"])
def test_without_us_east_1_global_services_take_no_change_from_any_region(
    service: str, operation: str, loss: str
) -> None:
    faults = Faults()
    faults.check(service, "us-west-2", operation)
    if loss == "region":
        faults.lose("us-east-1")
    else:
        faults.lose_control_planes("us-east-1")

    with pytest.raises(RegionUnavailableError, match="control plane in us-east-1 is lost"):
        faults.check(service, "us-west-2", operation)


def test_without_us_east_1_objects_can_still_be_put_elsewhere() -> None:
    faults = Faults()
    faults.lose("us-east-1")

    faults.check("s3", "us-west-2", "PutObject")
    faults.check("dynamodb", "us-west-2", "PutItem")


def test_losing_the_control_planes_alone_leaves_the_regions_own_services() -> None:
    faults = Faults()
    faults.lose_control_planes("us-east-1")

    faults.check("dynamodb", "us-east-1")
    assert faults.reachable("us-east-1")


def test_a_global_service_does_not_fall_with_a_region_that_is_not_its_home() -> None:
    faults = Faults()
    faults.lose("us-east-2")

    faults.check("route53", "us-east-2", "GetHealthCheck")


def test_every_boundary_names_its_source() -> None:
    assert all(boundary.source for boundary in BOUNDARIES)
    assert len({boundary.service for boundary in BOUNDARIES}) == len(BOUNDARIES)


def test_an_impaired_service_refuses_in_its_region_only_and_the_others_go_on() -> None:
    faults = Faults()
    faults.impair("dynamodb", "us-east-2")

    with pytest.raises(RegionUnavailableError, match=r"^dynamodb in us-east-2 does not answer: it is impaired$"):
        faults.check("dynamodb", "us-east-2")
    faults.check("dynamodb", "us-west-2")
    faults.check("rds", "us-east-2")
    assert faults.reachable("us-east-2")
    assert (faults.serves("dynamodb", "us-east-2"), faults.serves("dynamodb", "us-west-2")) == (False, True)


def test_a_throttled_service_refuses_its_callers_and_takes_part_in_what_its_copies_do() -> None:
    faults = Faults()
    faults.impair("dynamodb", "us-east-2", Impairment.THROTTLED)

    with pytest.raises(ThrottledError):
        faults.check("dynamodb", "us-east-2")
    assert faults.serves("dynamodb", "us-east-2")


def test_a_slow_service_answers_and_only_there_its_callers_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("rehearsal.world.faults.time.sleep", waits.append)
    faults = Faults()
    faults.impair("dynamodb", "us-east-2", Impairment.SLOW)

    faults.check("dynamodb", "us-east-2")
    faults.delay("dynamodb", "us-east-2")
    faults.delay("dynamodb", "us-west-2")
    assert waits == [SLOW_SECONDS]


def test_a_broken_link_is_one_way_of_one_region() -> None:
    faults = Faults()
    faults.cut(pods_of("us-east-2"))
    faults.cut(people_to("us-east-2", near="us-west-2"))

    assert not faults.carries(pods_of("us-east-2"))
    assert faults.carries(pods_of("us-west-2"))
    assert not faults.carries(people_to("us-east-2", near="us-west-2"))
    assert faults.carries(people_to("us-east-2", near="us-east-2"))
    assert faults.carries(people_to("us-west-2", near="us-west-2"))


def test_a_restored_region_has_its_services_and_links_again_and_others_do_not() -> None:
    faults = Faults()
    for region in ("us-east-2", "us-west-2"):
        faults.impair("dynamodb", region)
        faults.cut(pods_of(region))
    faults.restore("us-east-2")

    assert (faults.serves("dynamodb", "us-east-2"), faults.carries(pods_of("us-east-2"))) == (True, True)
    assert (faults.serves("dynamodb", "us-west-2"), faults.carries(pods_of("us-west-2"))) == (False, False)
