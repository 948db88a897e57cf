"""Topics, alarms and rules of EventBridge in moto: each reaches AWS as it was declared, changes in place and goes."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from tests.rehearsal.providers.aws.world import ACCOUNT, EAST, WEST, WITNESS, make, remove, unique, urn

TOPIC = "aws:sns/topic:Topic"
POLICY = "aws:sns/topicPolicy:TopicPolicy"
SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
RULE = "aws:cloudwatch/eventRule:EventRule"
TARGET = "aws:cloudwatch/eventTarget:EventTarget"


def alarm(name: str, topic: str) -> dict[str, object]:
    return {
        "name": name,
        "alarmDescription": "words",
        "namespace": "AWS/RDS",
        "metricName": "ReplicaLag",
        "dimensions": {"DBInstanceIdentifier": "db"},
        "statistic": "Maximum",
        "comparisonOperator": "GreaterThanThreshold",
        "threshold": 5,
        "period": 60,
        "evaluationPeriods": 3,
        "datapointsToAlarm": 3,
        "treatMissingData": "notBreaching",
        "alarmActions": [topic],
        "okActions": [topic],
        "tags": {"a": "b"},
    }


def test_an_alarm_has_its_topic_in_the_region_that_it_names(world):
    topic, outputs = make(world.east, TOPIC, {"name": unique("pages"), "region": WITNESS, "tags": {"a": "b"}})
    assert topic == outputs["arn"] == f"arn:aws:sns:{WITNESS}:{ACCOUNT}:{topic.rpartition(':')[2]}"
    name, made = make(world.east, ALARM, alarm(unique("lag"), topic) | {"region": WITNESS})
    cloudwatch = world.client("cloudwatch", WITNESS)
    (found,) = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    assert found["Dimensions"] == [{"Name": "DBInstanceIdentifier", "Value": "db"}]
    assert (found["AlarmActions"], found["OKActions"], found["Threshold"]) == ([topic], [topic], 5)
    assert (found["EvaluationPeriods"], found["DatapointsToAlarm"], found["TreatMissingData"]) == (3, 3, "notBreaching")
    assert cloudwatch.list_tags_for_resource(ResourceARN=made["arn"])["Tags"] == [{"Key": "a", "Value": "b"}]


def test_an_alarm_changes_in_place_and_is_deleted(world):
    topic, _ = make(world.west, TOPIC, {"name": unique("pages")})
    inputs = alarm(unique("lag"), topic)
    name, made = make(world.west, ALARM, inputs)
    world.west.update(ALARM, urn(ALARM), name, inputs, inputs | {"threshold": 7}, made)
    cloudwatch = world.client("cloudwatch", WEST)
    (found,) = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    assert found["Threshold"] == 7
    remove(world.west, ALARM, (name, made))
    assert cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"] == []


def test_a_topic_has_its_policy_and_its_subscribers(world):
    topic, _ = make(world.east, TOPIC, {"name": unique("tickets")})
    statement = {"Effect": "Allow", "Principal": {"Service": "cloudwatch.amazonaws.com"}, "Action": "sns:Publish"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement | {"Resource": topic}]})
    make(world.east, POLICY, {"arn": topic, "policy": policy})
    subscription = make(world.east, SUBSCRIPTION, {"topic": topic, "protocol": "sms", "endpoint": "+12025550101"})
    sns = world.client("sns", EAST)
    assert json.loads(sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"]) == json.loads(policy)
    (found,) = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert (found["SubscriptionArn"], found["Protocol"], found["Endpoint"]) == (subscription[0], "sms", "+12025550101")
    remove(world.east, SUBSCRIPTION, subscription)
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []


def test_a_rule_sends_its_events_to_its_target(world):
    topic, _ = make(world.east, TOPIC, {"name": unique("tickets")})
    inputs = {"name": unique("failed"), "description": "d", "eventPattern": '{"source": ["aws.backup"]}', "tags": {}}
    rule = make(world.east, RULE, inputs)
    target = make(world.east, TARGET, {"rule": rule[0], "targetId": "topic", "arn": topic})
    events = world.client("events", EAST)
    assert json.loads(events.describe_rule(Name=rule[0])["EventPattern"]) == {"source": ["aws.backup"]}
    assert events.list_targets_by_rule(Rule=rule[0])["Targets"] == [{"Id": "topic", "Arn": topic}]
    remove(world.east, TARGET, target)
    assert events.list_targets_by_rule(Rule=rule[0])["Targets"] == []
    remove(world.east, RULE, rule)
    with pytest.raises(ClientError, match="ResourceNotFound"):
        events.describe_rule(Name=rule[0])
