"""A topic of SNS in one region, and the people or systems that hear of its alarms."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_aws as aws

from components.permissions import alarm_topic
from components.site import Site

Protocol = Literal["email", "sms"]


@dataclass(frozen=True, kw_only=True)
class AlarmTopicArgs:
    """The topic's name and region, and its subscribers."""

    topic: str
    region: str
    subscribers: Mapping[str, tuple[Protocol, str]]
    """The protocol and the address of each subscriber, by a role that never changes. SNS sends an e-mail address
    nothing until someone confirms it with the link that it receives."""
    events: bool = False
    """Whether rules of EventBridge publish here, too."""
    site: Site


class AlarmTopic(pulumi.ComponentResource):
    """The topic, its policy and its subscriptions.

    It has no key of ours: messages have the names and values of metrics only, and an alarm must be heard also while KMS
    fails.
    """

    arn: pulumi.Output[str]

    def __init__(self, name: str, args: AlarmTopicArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lifeline:index:AlarmTopic", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        elsewhere = args.site.elsewhere(args.region)
        topic = aws.sns.Topic(
            f"{name}-topic",
            name=args.topic,
            region=elsewhere,
            tags=args.site.tags.of(tier="platform", data="operational", name=args.topic),
            opts=child,
        )
        self.arn = topic.arn
        aws.sns.TopicPolicy(
            f"{name}-policy",
            arn=topic.arn,
            policy=topic.arn.apply(
                lambda arn: json.dumps(alarm_topic(arn, account=args.site.account, events=args.events))
            ),
            region=elsewhere,
            opts=child,
        )
        for role, (protocol, address) in args.subscribers.items():
            aws.sns.TopicSubscription(
                f"{name}-{role}", topic=topic.arn, protocol=protocol, endpoint=address, region=elsewhere, opts=child
            )
        self.register_outputs({"arn": self.arn})
