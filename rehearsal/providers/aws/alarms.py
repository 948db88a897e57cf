"""Topics of SNS, alarms of CloudWatch and rules of EventBridge. moto keeps them, and evaluates no alarm."""

from __future__ import annotations

from rehearsal.providers.aws.adapter import Adapter, Call, Created, remover, words
from rehearsal.providers.backend import Plain

_ALARM = words(
    "alarmActions alarmDescription comparisonOperator datapointsToAlarm evaluationPeriods metricName namespace"
    " okActions period statistic threshold treatMissingData"
)


def _create_topic(call: Call) -> Created:
    arn = call.send("CreateTopic", ("name", "tags"))["TopicArn"]
    return arn, {"arn": arn}


def _put_topic_policy(call: Call) -> Plain:
    call.do(
        "SetTopicAttributes",
        TopicArn=call.inputs["arn"],
        AttributeName="Policy",
        AttributeValue=call.inputs["policy"],
    )
    return {}


def _create_topic_policy(call: Call) -> Created:
    _put_topic_policy(call)
    return call.inputs["arn"], {}


def _subscribe(call: Call) -> Created:
    made = call.send("Subscribe", ("protocol", "endpoint"), TopicArn=call.inputs["topic"], ReturnSubscriptionArn=True)
    return made["SubscriptionArn"], {"arn": made["SubscriptionArn"]}


def _put_alarm(call: Call) -> Plain:
    dimensions = [{"Name": name, "Value": value} for name, value in (call.inputs.get("dimensions") or {}).items()]
    # AWS ignores tags in a call that changes an alarm.
    call.send("PutMetricAlarm", {*_ALARM, "tags"}, AlarmName=call.inputs["name"], Dimensions=dimensions)
    return {}


def _create_alarm(call: Call) -> Created:
    _put_alarm(call)
    return call.inputs["name"], {"arn": call.arn(f"alarm:{call.inputs['name']}")}


def _delete_alarm(call: Call) -> None:
    call.do("DeleteAlarms", AlarmNames=[call.id])


def _put_rule(call: Call) -> Plain:
    made = call.send("PutRule", ("name", "description", "eventPattern"), Tags=call.tag_list)
    return {"arn": made["RuleArn"]}


def _create_rule(call: Call) -> Created:
    return call.inputs["name"], _put_rule(call)


def _put_target(call: Call) -> Plain:
    target = {"Id": call.inputs["targetId"], "Arn": call.inputs["arn"]}
    failed = call.do("PutTargets", Rule=call.inputs["rule"], Targets=[target])["FailedEntries"]
    if failed:
        raise RuntimeError(f"EventBridge refuses the target of {call.inputs['rule']}: {failed}")
    return {}


def _create_target(call: Call) -> Created:
    _put_target(call)
    return f"{call.inputs['rule']}-{call.inputs['targetId']}", {}


def _delete_target(call: Call) -> None:
    call.do("RemoveTargets", Rule=call.outputs["rule"], Ids=[call.outputs["targetId"]])


ADAPTERS = (
    Adapter(
        type="aws:sns/topic:Topic",
        service="sns",
        inputs=words("name"),
        create=_create_topic,
        delete=remover("DeleteTopic", TopicArn="id"),
    ),
    Adapter(
        type="aws:sns/topicPolicy:TopicPolicy",
        service="sns",
        inputs=words("arn policy"),
        create=_create_topic_policy,
        update=_put_topic_policy,
        updates=words("policy"),
    ),
    Adapter(
        type="aws:sns/topicSubscription:TopicSubscription",
        service="sns",
        inputs=words("topic protocol endpoint"),
        create=_subscribe,
        delete=remover("Unsubscribe", SubscriptionArn="id"),
    ),
    Adapter(
        type="aws:cloudwatch/metricAlarm:MetricAlarm",
        service="cloudwatch",
        inputs=_ALARM | words("name dimensions"),
        create=_create_alarm,
        update=_put_alarm,
        updates=_ALARM | words("dimensions"),
        delete=_delete_alarm,
    ),
    Adapter(
        type="aws:cloudwatch/eventRule:EventRule",
        service="events",
        inputs=words("name description eventPattern"),
        create=_create_rule,
        update=_put_rule,
        updates=words("description eventPattern"),
        delete=remover("DeleteRule", Name="id"),
    ),
    Adapter(
        type="aws:cloudwatch/eventTarget:EventTarget",
        service="events",
        inputs=words("rule targetId arn"),
        create=_create_target,
        update=_put_target,
        updates=words("arn"),
        delete=_delete_target,
    ),
)
