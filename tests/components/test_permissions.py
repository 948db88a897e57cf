"""The permissions of workloads: linted, exact, and not wider than declared."""

import json
import warnings

import pytest

from components import backup_permissions, job_permissions, log_permissions, permissions, service_permissions
from components.permissions import WILDCARD_REASONS, Document
from policy import iam

with warnings.catch_warnings():
    # parliament writes regular expressions without r"", imports pkg_resources, and does not close two files.
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
    warnings.filterwarnings("ignore", category=ResourceWarning)
    import parliament

OWN = {"account": "123456789012", "region": "us-west-2"}
KEY = "arn:aws:kms:us-west-2:123456789012:key/0a1b2c3d-0000-1111-2222-333344445555"
LEDGER = "arn:aws:dynamodb:us-west-2:123456789012:table/lifeline-crisis-ledger"
WITH_LEDGER = {**OWN, "ledger": LEDGER}
APPLICATION = "arn:aws:secretsmanager:us-west-2:123456789012:secret:lifeline/database/application-??????"
PASSWORD = "arn:aws:secretsmanager:us-west-2:123456789012:secret:lifeline/database/password-??????"
TARGETS = [
    f"arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/{name}/0123456789abcdef"
    for name in ("backend", "web")
]
FLOW_LOGS = "arn:aws:logs:us-west-2:123456789012:log-group:network-flow-logs"

BACKUPS = "arn:aws:s3:::lifeline-123456789012-secondary-backups"
COPIES = f"{BACKUPS}-copy"
COPY_KEY = "arn:aws:kms:us-east-2:123456789012:key/0a1b2c3d-0000-1111-2222-333344446666"
BUCKETS = {
    "region": "us-west-2",
    "bucket": "lifeline-123456789012-secondary-backups",
    "bucket_key_arn": KEY,
    "copy_region": "us-east-2",
    "copy_bucket": "lifeline-123456789012-secondary-backups-copy",
    "copy_key_arn": COPY_KEY,
}

DOCUMENTS: dict[str, Document] = {
    "promotion wait": job_permissions.promotion_wait(**WITH_LEDGER, secrets_key_arn=KEY),
    "roles": job_permissions.roles(**OWN, secrets_key_arn=KEY),
    "backup": backup_permissions.backup(
        **WITH_LEDGER, bucket="lifeline-123456789012-secondary-backups", bucket_key_arn=KEY, secrets_key_arn=KEY
    ),
    "configuration export": backup_permissions.configuration_export(
        account=OWN["account"],
        **BUCKETS,
        state_object="lifeline-123456789012-secondary-state/.pulumi/stacks/lifeline/secondary.json",
        token_secret="lifeline/git",
    ),
    "crisis review": job_permissions.crisis_review(ledger=LEDGER),
    "ledger export": backup_permissions.ledger_export(ledger=LEDGER, **BUCKETS),
    "ledger restore": backup_permissions.ledger_restore(
        account=OWN["account"],
        ledger=LEDGER,
        buckets={"lifeline-123456789012-primary-ledger-copy": "us-west-2"},
        tables={"old": "us-east-2"},
    ),
    "log delivery": log_permissions.log_delivery(
        bucket="lifeline-123456789012-secondary-logs", bucket_key_arn=KEY, region="us-west-2"
    ),
    "log forwarding": log_permissions.log_forwarding(
        "arn:aws:firehose:us-west-2:123456789012:deliverystream/lifeline-secondary-logs"
    ),
    "log collector": log_permissions.log_collector([FLOW_LOGS]),
    "exporter": backup_permissions.exporter(
        **WITH_LEDGER, bucket="lifeline-123456789012-secondary-backups", bucket_key_arn=KEY, secrets_key_arn=KEY
    ),
    "replication": backup_permissions.replication(**BUCKETS),
    "restore check": backup_permissions.restore_check(**BUCKETS),
    "restore": backup_permissions.restore(
        **WITH_LEDGER,
        buckets={
            "lifeline-123456789012-primary-backups": "us-east-2",
            "lifeline-123456789012-secondary-backups": "us-west-2",
        },
        secrets_key_arn=KEY,
    ),
    "backend": service_permissions.backend(**WITH_LEDGER, secrets_key_arn=KEY),
    "backend with a replica of the password": service_permissions.backend(**WITH_LEDGER, secrets_key_arn=None),
    "crisis detector": service_permissions.crisis_detector(
        **WITH_LEDGER, bucket="lifeline-123456789012-secondary-models"
    ),
    "fence": job_permissions.fence(**WITH_LEDGER, secrets_key_arn=KEY),
    "claim": job_permissions.claim(**WITH_LEDGER, site="secondary"),
    "switch": job_permissions.switch(ledger=LEDGER),
    "handover": job_permissions.handover(**WITH_LEDGER, site="secondary", secrets_key_arn=KEY),
    "promotion snapshot": job_permissions.promotion_snapshot(**WITH_LEDGER, site="secondary", secrets_key_arn=KEY),
    "hotline gateway": service_permissions.hotline_gateway(ledger=LEDGER),
    "load balancer controller": permissions.load_balancer_controller(TARGETS),
    "cluster autoscaler": permissions.cluster_autoscaler("lifeline-secondary-1", **OWN),
    "alertmanager": permissions.alertmanager(**OWN),
    "prometheus": permissions.prometheus("arn:aws:aps:us-east-2:123456789012:workspace/ws-0123"),
    "flow logs": permissions.flow_log_delivery(FLOW_LOGS),
}


def allowed(document: Document) -> dict[str, list[str]]:
    return {entry["Sid"]: sorted(entry["Action"]) for entry in document["Statement"]}


def resources(document: Document) -> dict[str, list[str]]:
    return {entry["Sid"]: entry["Resource"] for entry in document["Statement"]}


KNOWN_FINDINGS = {
    "restore": ["Unknown condition kms:ResourceAliases for action kms:Decrypt"],
    "crisis detector": ["Unknown condition kms:ResourceAliases for action kms:Decrypt"],
    "ledger restore": ["Unknown condition kms:ResourceAliases for action kms:Decrypt"],
    "alertmanager": [["sns:Publish"]],
}
"""AWS added the condition key after parliament's list was made: AWS KMS Developer Guide, "AWS KMS condition keys". A
text message needs the resource `*`: a phone number has no ARN."""


@pytest.mark.parametrize("name", DOCUMENTS)
def test_parliament_finds_nothing_wrong(name):
    findings = parliament.analyze_policy_string(json.dumps(DOCUMENTS[name])).findings
    assert [finding.detail for finding in findings] == KNOWN_FINDINGS.get(name, [])


def test_parliament_would_find_a_misspelt_action_and_a_resource_that_does_not_fit():
    misspelt = permissions.statement("A", ("dynamodb:GetItems",), (LEDGER,))
    misfit = permissions.statement("B", ("dynamodb:GetItem",), (KEY,))
    entries = parliament.analyze_policy_string(json.dumps(permissions.document(misspelt, misfit))).findings
    assert sorted(finding.issue for finding in entries) == ["RESOURCE_MISMATCH", "UNKNOWN_ACTION"]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_action_is_a_pattern(name):
    assert [action for actions in allowed(DOCUMENTS[name]).values() for action in actions if "*" in action] == []


def test_every_pattern_among_the_resources_has_its_reason_and_no_reason_is_left_over():
    patterns = {
        sid
        for document in DOCUMENTS.values()
        for sid, names in resources(document).items()
        if any("*" in name or "?" in name for name in names)
    }
    assert patterns == set(WILDCARD_REASONS)
    assert all(len(reason) > 20 for reason in WILDCARD_REASONS.values())


def test_the_backend_uses_the_ledger_and_reads_the_password_of_its_own_region():
    document = DOCUMENTS["backend"]
    assert resources(document) == {"UseLedger": [LEDGER], "ReadPassword": [APPLICATION], "DecryptPassword": [KEY]}
    assert allowed(document) == {
        "UseLedger": [
            "dynamodb:BatchGetItem",
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:Query",
            "dynamodb:UpdateItem",
        ],
        "ReadPassword": ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"],
        "DecryptPassword": ["kms:Decrypt"],
    }


def test_the_backend_decrypts_through_secrets_manager_only():
    (decrypt,) = (entry for entry in DOCUMENTS["backend"]["Statement"] if entry["Sid"] == "DecryptPassword")
    assert decrypt["Condition"] == {"StringEquals": {"kms:ViaService": "secretsmanager.us-west-2.amazonaws.com"}}


def test_a_backend_that_reads_a_replica_under_the_aws_key_has_no_right_to_any_key():
    assert sorted(allowed(DOCUMENTS["backend with a replica of the password"])) == ["ReadPassword", "UseLedger"]


def test_the_crisis_services_put_and_get_in_the_ledger_and_the_detector_reads_its_model():
    events = {"UseLedger": ["dynamodb:GetItem", "dynamodb:PutItem"]}
    assert allowed(DOCUMENTS["hotline gateway"]) == events
    assert resources(DOCUMENTS["hotline gateway"]) == {"UseLedger": [LEDGER]}
    model = {"ReadModels": ["s3:GetObjectVersion"], "DecryptModels": ["kms:Decrypt"]}
    assert allowed(DOCUMENTS["crisis detector"]) == events | model
    assert resources(DOCUMENTS["crisis detector"]) == {
        "UseLedger": [LEDGER],
        "ReadModels": ["arn:aws:s3:::lifeline-123456789012-secondary-models/crisis/model"],
        "DecryptModels": ["arn:aws:kms:us-west-2:123456789012:key/*"],
    }
    (decrypt,) = (entry for entry in DOCUMENTS["crisis detector"]["Statement"] if entry["Sid"] == "DecryptModels")
    assert decrypt["Condition"]["ForAnyValue:StringEquals"] == {
        "kms:ResourceAliases": ["alias/lifeline-secondary-models"]
    }


@pytest.mark.parametrize("name", ["backend", "crisis detector", "fence", "handover", "hotline gateway"])
def test_no_pod_can_take_anything_out_of_the_ledger(name):
    actions = {action for group in allowed(DOCUMENTS[name]).values() for action in group}
    assert actions.isdisjoint({"dynamodb:DeleteItem", "dynamodb:BatchWriteItem", "dynamodb:DeleteTable"})


def test_the_load_balancer_controller_changes_the_sites_own_target_groups_and_nothing_else():
    document = DOCUMENTS["load balancer controller"]
    assert resources(document) == {"DescribeTargets": ["*"], "FillTargets": TARGETS}
    assert {action.split(":")[1][:8] for action in allowed(document)["DescribeTargets"]} == {"Describe"}
    assert allowed(document)["FillTargets"] == [
        "elasticloadbalancing:DeregisterTargets",
        "elasticloadbalancing:ModifyTargetGroup",
        "elasticloadbalancing:ModifyTargetGroupAttributes",
        "elasticloadbalancing:RegisterTargets",
    ]


def test_the_autoscaler_sizes_the_groups_of_its_own_cluster_only():
    document = DOCUMENTS["cluster autoscaler"]
    assert allowed(document)["SizeGroups"] == [
        "autoscaling:SetDesiredCapacity",
        "autoscaling:TerminateInstanceInAutoScalingGroup",
    ]
    tags = {"enabled": ("true",), "lifeline-secondary-1": ("owned",)}
    others = {"enabled": ("true",), "lifeline-secondary-2": ("owned",)}
    group = "arn:aws:autoscaling:us-west-2:123456789012:autoScalingGroup:1:autoScalingGroupName/eks-nodes"
    answers = [
        iam.allows(
            document,
            iam.Request(
                action="autoscaling:SetDesiredCapacity",
                resource=group,
                context={f"aws:ResourceTag/k8s.io/cluster-autoscaler/{key}": value for key, value in own.items()},
            ),
        )
        for own in (tags, others, {})
    ]
    assert answers == [True, False, False]


def test_flow_logs_write_to_streams_of_their_group_alone():
    document = DOCUMENTS["flow logs"]
    assert resources(document) == {"DeliverFlowLogs": [f"{FLOW_LOGS}:*"], "FindLogGroup": ["*"]}
    assert allowed(document)["FindLogGroup"] == ["logs:DescribeLogGroups"]


def test_a_service_trust_says_who_and_under_what_condition():
    condition = {"ArnLike": {"aws:SourceArn": "arn:aws:ec2:us-west-2:*:vpc-flow-log/*"}}
    (plain,) = permissions.service_trust("ec2.amazonaws.com")["Statement"]
    (bound,) = permissions.service_trust("vpc-flow-logs.amazonaws.com", condition=condition)["Statement"]
    assert plain == {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": ["sts:AssumeRole"]}
    assert bound["Condition"] == condition


def test_the_backup_adds_objects_and_can_neither_delete_nor_unlock_one():
    document = DOCUMENTS["backup"]
    assert allowed(document) == {
        "ReadClaims": ["dynamodb:BatchGetItem", "dynamodb:GetItem"],
        "ListBackups": ["s3:ListBucket"],
        "WriteBackups": ["s3:AbortMultipartUpload", "s3:PutObject"],
        "ReadBackups": ["s3:GetObject", "s3:GetObjectRetention"],
        "UseBucketKey": ["kms:Decrypt", "kms:GenerateDataKey"],
        "ReadPassword": ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"],
        "DecryptPassword": ["kms:Decrypt"],
    }
    assert resources(document)["WriteBackups"] == [f"{BACKUPS}/dumps/*", f"{BACKUPS}/manifests/*"]
    assert resources(document)["UseBucketKey"] == [KEY]


def test_the_configuration_export_reads_one_state_and_adds_exports():
    document = DOCUMENTS["configuration export"]
    assert allowed(document) == {
        "ReadState": ["s3:GetObject"],
        "ListExports": ["s3:ListBucket"],
        "WriteExports": ["s3:GetObject", "s3:PutObject"],
        "UseBucketKey": ["kms:Decrypt", "kms:GenerateDataKey"],
        "ReadCopies": ["s3:GetObject"],
        "DecryptCopies": ["kms:Decrypt"],
        "ReadToken": ["secretsmanager:GetSecretValue"],
    }
    assert resources(document)["ReadState"] == [
        "arn:aws:s3:::lifeline-123456789012-secondary-state/.pulumi/stacks/lifeline/secondary.json"
    ]
    assert resources(document)["WriteExports"] == [f"{BACKUPS}/configuration/*"]
    assert resources(document)["ReadCopies"] == [f"{COPIES}/configuration/*"]


def test_the_ledger_export_can_change_no_item_of_the_ledger():
    document = DOCUMENTS["ledger export"]
    actions = {action for listed in allowed(document).values() for action in listed if action.startswith("dynamodb:")}
    assert actions == {"dynamodb:BatchGetItem", "dynamodb:DescribeExport", "dynamodb:ExportTableToPointInTime"}
    assert resources(document)["WriteExports"] == [f"{BACKUPS}/exports/*", f"{BACKUPS}/records/*"]
    assert resources(document)["FollowExport"] == [f"{LEDGER}/export/*"]


def test_the_review_reads_the_ledger_and_nothing_else():
    document = DOCUMENTS["crisis review"]
    assert allowed(document) == {"ReadEvents": ["dynamodb:Scan"]}
    assert resources(document) == {"ReadEvents": [LEDGER]}


def test_firehose_writes_to_one_bucket_and_cloudwatch_logs_to_one_stream():
    delivery, forwarding = DOCUMENTS["log delivery"], DOCUMENTS["log forwarding"]
    bucket = "arn:aws:s3:::lifeline-123456789012-secondary-logs"
    assert resources(delivery) == {"FindLogBucket": [bucket], "WriteLogs": [f"{bucket}/*"], "UseBucketKey": [KEY]}
    assert allowed(forwarding) == {"ForwardLogs": ["firehose:PutRecord", "firehose:PutRecordBatch"]}


def test_the_restore_check_reads_the_copy_and_writes_results_only():
    document = DOCUMENTS["restore check"]
    assert allowed(document) == {
        "ListCopies": ["s3:ListBucket"],
        "ReadCopies": ["s3:GetObject"],
        "DecryptCopies": ["kms:Decrypt"],
        "WriteResults": ["s3:PutObject"],
        "UseBucketKey": ["kms:GenerateDataKey"],
    }
    assert resources(document) == {
        "ListCopies": [COPIES],
        "ReadCopies": [f"{COPIES}/*"],
        "DecryptCopies": [COPY_KEY],
        "WriteResults": [f"{BACKUPS}/checks/*"],
        "UseBucketKey": [KEY],
    }


def test_the_replication_copies_and_deletes_nothing():
    document = DOCUMENTS["replication"]
    assert allowed(document)["WriteCopies"] == ["s3:ReplicateObject", "s3:ReplicateTags"]
    assert [action for actions in allowed(document).values() for action in actions if "Delete" in action] == []
    conditions = {entry["Sid"]: entry.get("Condition") for entry in document["Statement"]}
    assert conditions["UseBucketKey"] == {"StringEquals": {"kms:ViaService": "s3.us-west-2.amazonaws.com"}}
    assert conditions["EncryptCopies"] == {"StringEquals": {"kms:ViaService": "s3.us-east-2.amazonaws.com"}}
