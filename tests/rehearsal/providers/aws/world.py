"""Two stacks at one moto server, with functions that create, change and delete a resource there."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

import boto3

from rehearsal.providers.aws.backend import AwsBackend
from rehearsal.world.faults import Faults

EAST, WEST, WITNESS = "us-east-2", "us-west-2", "us-east-1"
ACCOUNT = "123456789012"

VPC = "aws:ec2/vpc:Vpc"
SUBNET = "aws:ec2/subnet:Subnet"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
ROLE = "aws:iam/role:Role"
BUCKET = "aws:s3/bucket:Bucket"
ZONE = "aws:route53/zone:Zone"

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)
_numbers = count(1)


def unique(stem: str) -> str:
    return f"{stem}-{next(_numbers)}"


class World:
    """Two stacks at one moto server."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.faults = Faults()
        self.tables: dict[str, dict[str, Any]] = {}
        self.effects = Effects()
        self.east = AwsBackend(endpoint, EAST, ACCOUNT, self.faults, self.effects, tables=self.tables)
        self.west = AwsBackend(endpoint, WEST, ACCOUNT, self.faults, self.effects, tables=self.tables)

    def client(self, service, region=EAST):
        return boto3.client(
            service, region, endpoint_url=self.endpoint, aws_access_key_id="x", aws_secret_access_key="x"
        )


class Effects:
    def __init__(self) -> None:
        self.seen: list[tuple[str, str, str, str]] = []

    def created(self, type_, region, id_, inputs, outputs):
        self.seen.append(("created", type_, region, id_))

    def updated(self, type_, region, id_, old_inputs, inputs, outputs):
        self.seen.append(("updated", type_, region, id_))

    def deleted(self, type_, region, id_, outputs):
        self.seen.append(("deleted", type_, region, id_))


def urn(name, type_=VPC):
    return f"urn:pulumi:primary::lifeline::{type_}::{name}"


def make(backend, type_, inputs, name=None):
    return backend.create(type_, urn(name or unique("thing"), type_), inputs)


def change(backend, type_, made, inputs, changed):
    id_, outputs = made
    return id_, backend.update(type_, urn("thing", type_), id_, inputs, changed, outputs)


def remove(backend, type_, made):
    id_, outputs = made
    backend.delete(type_, urn("thing", type_), id_, outputs)


def subnets(backend, zones=("a", "b")):
    vpc, _ = make(backend, VPC, {"cidrBlock": "10.10.0.0/16", "enableDnsHostnames": True})
    region = backend._region
    made = [
        make(backend, SUBNET, {"vpcId": vpc, "cidrBlock": f"10.10.{n}.0/24", "availabilityZone": f"{region}{zone}"})
        for n, zone in enumerate(zones)
    ]
    return vpc, [id_ for id_, _ in made]
