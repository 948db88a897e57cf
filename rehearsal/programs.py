"""The processes of a rehearsal that run the program, the pods, and the stand-in for pulumi-eks."""

from __future__ import annotations

import os

from engine.warm import Warm

EKS = "rehearsal.providers.eks"

SERVICES = tuple(
    f"pulumi_aws.{service}"
    for service in (
        "acm", "amp", "backup", "cloudfront", "cloudwatch", "dynamodb", "ec2", "ecr", "eks", "iam", "kinesis", "kms",
        "lb", "rds", "route53", "s3", "secretsmanager", "sns", "vpc", "wafv2",
    )
)  # fmt: skip
"""The parts of the provider's SDK that the program uses. They load when they are used, which takes most of a second."""


LENT = "LIFELINE_REHEARSAL_PROGRAMS"
"""The variable with the file descriptor of a server that is lent."""


def warm_programs() -> Warm:
    """Their server. Its imports take two seconds, and so do those of the rehearsal itself."""
    if lent := os.environ.get(LENT):
        return Warm.borrowed(int(lent))
    return Warm("engine.language", "stacks.site", "operations.__main__", EKS, *SERVICES)
