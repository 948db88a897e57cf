"""Roles for pods."""

import json

import pytest

from components.identity import PodIdentity, PodIdentityArgs
from engine.recorder import record
from engine.registration import Registration
from tests.harness import site

POLICY = '{"Version": "2012-10-17", "Statement": []}'


@pytest.fixture(scope="module")
def identity() -> dict[str, Registration]:
    args = PodIdentityArgs(
        cluster_name="lifeline-primary-1",
        namespace="mental-health-platform",
        service_account="crisis-detector",
        policy=POLICY,
        site=site(),
        tier="crisis",
    )
    return {resource.name: resource for resource in record(lambda: PodIdentity("detector", args))}


def test_only_pods_of_the_service_account_in_the_cluster_can_assume_the_role(identity):
    (trust,) = json.loads(identity["detector-role"].inputs["assumeRolePolicy"])["Statement"]
    assert trust == {
        "Effect": "Allow",
        "Principal": {"Service": "pods.eks.amazonaws.com"},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Condition": {
            "StringEquals": {
                "aws:RequestTag/eks-cluster-name": "lifeline-primary-1",
                "aws:RequestTag/kubernetes-namespace": "mental-health-platform",
                "aws:RequestTag/kubernetes-service-account": "crisis-detector",
            }
        },
    }


def test_the_role_has_the_policy_inline_and_no_other(identity):
    kinds = sorted(
        resource.type.rsplit(":", 1)[-1]
        for resource in identity.values()
        if resource.custom and "Stack" not in resource.type
    )
    assert kinds == ["PodIdentityAssociation", "Role", "RolePolicy"]
    assert identity["detector-policy"].inputs["policy"] == POLICY
    assert identity["detector-policy"].inputs["role"].startswith("detector-role-")


def test_the_association_hands_the_role_to_the_service_account_once_it_has_its_policy(identity):
    association = identity["detector-association"]
    assert {key: association.inputs[key] for key in ("clusterName", "namespace", "serviceAccount")} == {
        "clusterName": "lifeline-primary-1",
        "namespace": "mental-health-platform",
        "serviceAccount": "crisis-detector",
    }
    assert ":role/detector-role-" in association.inputs["roleArn"]
    assert identity["detector-policy"].urn in association.dependencies


def test_the_tags_name_the_tier_of_the_pods(identity):
    assert identity["detector-role"].inputs["tags"]["lifeline:tier"] == "crisis"
    assert identity["detector-association"].inputs["tags"]["lifeline:tier"] == "crisis"
