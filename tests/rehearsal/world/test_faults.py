from __future__ import annotations

import pytest

from rehearsal.world.faults import BOUNDARIES, Faults, RegionUnavailableError


def test_a_lost_region_refuses_every_service_there_and_nothing_elsewhere() -> None:
    faults = Faults()
    faults.lose("us-east-2")

    with pytest.raises(RegionUnavailableError, match=r"^rds in us-east-2 does not answer: the region is lost$"):
        faults.check("rds", "us-east-2")
    with pytest.raises(RegionUnavailableError):
        faults.check("s3", "us-east-2", "PutObject")
    faults.check("rds", "us-west-2")
    assert (faults.reachable("us-east-2"), faults.reachable("us-west-2")) == (False, True)


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
