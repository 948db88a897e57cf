"""EC2: security groups, their rules, and launch templates."""

from __future__ import annotations

from typing import Any

from rehearsal.providers.aws.adapter import Adapter, Call, Created, remover, words
from rehearsal.providers.aws.translate import parameters
from rehearsal.providers.backend import Plain

_ALL_EGRESS = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
"""The rule that AWS gives to each new group in a VPC. The provider removes it."""


def _permission(rule: Plain, own_id: str) -> Plain:
    """An inline rule as an EC2 `IpPermission`."""
    groups = [*(rule.get("securityGroups") or []), *([own_id] if rule.get("self") else [])]
    text = {"Description": rule["description"]} if rule.get("description") else {}
    permission: Plain = {
        "IpProtocol": rule["protocol"],
        "IpRanges": [{"CidrIp": cidr, **text} for cidr in rule.get("cidrBlocks") or []],
        "Ipv6Ranges": [{"CidrIpv6": cidr, **text} for cidr in rule.get("ipv6CidrBlocks") or []],
        "PrefixListIds": [{"PrefixListId": list_id, **text} for list_id in rule.get("prefixListIds") or []],
        "UserIdGroupPairs": [{"GroupId": group, **text} for group in groups],
    }
    if rule["protocol"] not in ("-1", "all"):
        permission |= {"FromPort": int(rule["fromPort"]), "ToPort": int(rule["toPort"])}
    return {key: value for key, value in permission.items() if value not in ([], None)}


def _authorize(call: Call) -> None:
    for key, direction in (("ingress", "Ingress"), ("egress", "Egress")):
        rules = [_permission(rule, call.id) for rule in call.inputs.get(key) or []]
        if rules:
            call.do(f"AuthorizeSecurityGroup{direction}", GroupId=call.id, IpPermissions=rules)


def _create_group(call: Call) -> Created:
    inputs = call.inputs
    made = call.do(
        "CreateSecurityGroup",
        GroupName=inputs["name"],
        Description=inputs.get("description") or "Managed by Pulumi",
        **({"VpcId": inputs["vpcId"]} if inputs.get("vpcId") else {}),
        **call.tag_specifications("security-group"),
    )
    call.id = made["GroupId"]
    call.do("RevokeSecurityGroupEgress", GroupId=call.id, IpPermissions=_ALL_EGRESS)
    _authorize(call)
    return call.id, _group_outputs(call)


def _group_outputs(call: Call) -> Plain:
    description = call.inputs.get("description") or "Managed by Pulumi"
    return {"arn": call.arn(f"security-group/{call.id}"), "ownerId": call.account, "description": description}


def _update_group(call: Call) -> Plain:
    if call.changed & {"ingress", "egress"}:
        _revoke_all(call, call.do("DescribeSecurityGroups", GroupIds=[call.id])["SecurityGroups"][0])
        _authorize(call)
    return {}


def _revoke_all(call: Call, group: Plain) -> None:
    if group["IpPermissions"]:
        call.do("RevokeSecurityGroupIngress", GroupId=call.id, IpPermissions=group["IpPermissions"])
    if group["IpPermissionsEgress"]:
        call.do("RevokeSecurityGroupEgress", GroupId=call.id, IpPermissions=group["IpPermissionsEgress"])


def _adopt_default_group(call: Call) -> Created:
    """Take over the VPC's default group: remove its rules and add the declared ones. A delete leaves it as it is."""
    filters = [{"Name": "vpc-id", "Values": [call.inputs["vpcId"]]}, {"Name": "group-name", "Values": ["default"]}]
    group: Plain = call.do("DescribeSecurityGroups", Filters=filters)["SecurityGroups"][0]
    call.id = group["GroupId"]
    _revoke_all(call, group)
    _authorize(call)
    return call.id, {**_group_outputs(call), "name": "default", "description": group["Description"]}


def _create_rule(call: Call) -> Created:
    direction = "Ingress" if call.type.endswith("IngressRule") else "Egress"
    rule = call.inputs
    inline: Plain = {
        "protocol": str(rule["ipProtocol"]),
        "fromPort": rule.get("fromPort"),
        "toPort": rule.get("toPort"),
        "description": rule.get("description"),
        "cidrBlocks": [rule["cidrIpv4"]] if rule.get("cidrIpv4") else [],
        "ipv6CidrBlocks": [rule["cidrIpv6"]] if rule.get("cidrIpv6") else [],
        "prefixListIds": [rule["prefixListId"]] if rule.get("prefixListId") else [],
        "securityGroups": [rule["referencedSecurityGroupId"]] if rule.get("referencedSecurityGroupId") else [],
    }
    made = call.do(
        f"AuthorizeSecurityGroup{direction}",
        GroupId=rule["securityGroupId"],
        IpPermissions=[_permission(inline, rule["securityGroupId"])],
        **call.tag_specifications("security-group-rule"),
    )
    id_: str = made["SecurityGroupRules"][0]["SecurityGroupRuleId"]
    return id_, {"arn": call.arn(f"security-group-rule/{id_}"), "securityGroupRuleId": id_}


def _update_rule(call: Call) -> Plain:
    """Change a rule in place.

    Source: hashicorp/terraform-provider-aws, internal/service/ec2/vpc_security_group_ingress_rule.go, `Update`.
    """
    names = {
        "ipProtocol": "IpProtocol",
        "fromPort": "FromPort",
        "toPort": "ToPort",
        "cidrIpv4": "CidrIpv4",
        "cidrIpv6": "CidrIpv6",
        "prefixListId": "PrefixListId",
        "referencedSecurityGroupId": "ReferencedGroupId",
        "description": "Description",
    }
    rule = {name: call.inputs[key] for key, name in names.items() if call.inputs.get(key) is not None}
    change = {"SecurityGroupRuleId": call.id, "SecurityGroupRule": rule}
    call.do("ModifySecurityGroupRules", GroupId=call.outputs["securityGroupId"], SecurityGroupRules=[change])
    return {}


def _delete_rule(call: Call) -> None:
    direction = "Ingress" if call.type.endswith("IngressRule") else "Egress"
    group = call.outputs["securityGroupId"]
    call.do(f"RevokeSecurityGroup{direction}", GroupId=group, SecurityGroupRuleIds=[call.id])


def _check_rule(inputs: Plain) -> list[tuple[str, str]]:
    peers = [key for key in ("cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId") if inputs.get(key)]
    if len(peers) == 1:
        return []
    return [("cidrIpv4", "exactly one of cidrIpv4, cidrIpv6, prefixListId and referencedSecurityGroupId is needed")]


_TEMPLATE_KEYS = words(
    "blockDeviceMappings disableApiTermination ebsOptimized iamInstanceProfile imageId instanceType keyName"
    " metadataOptions monitoring networkInterfaces tagSpecifications userData vpcSecurityGroupIds maintenanceOptions"
    " privateDnsNameOptions"
)


def _template_data(call: Call) -> Plain:
    shape: Any = call.clients.model("ec2", "CreateLaunchTemplate").input_shape
    data = {key: call.inputs[key] for key in _TEMPLATE_KEYS if call.inputs.get(key) is not None}
    return parameters(shape.members["LaunchTemplateData"], data, {"vpcSecurityGroupIds": "SecurityGroupIds"})


def _create_template(call: Call) -> Created:
    text = {"VersionDescription": call.inputs["description"]} if call.inputs.get("description") else {}
    made = call.do(
        "CreateLaunchTemplate",
        LaunchTemplateName=call.inputs["name"],
        LaunchTemplateData=_template_data(call),
        **text,
        **call.tag_specifications("launch-template"),
    )["LaunchTemplate"]
    id_ = made["LaunchTemplateId"]
    return id_, {"arn": call.arn(f"launch-template/{id_}"), "latestVersion": 1, "defaultVersion": 1}


def _update_template(call: Call) -> Plain:
    if not call.changed & _TEMPLATE_KEYS:
        return {}
    made = call.do("CreateLaunchTemplateVersion", LaunchTemplateId=call.id, LaunchTemplateData=_template_data(call))
    version: int = made["LaunchTemplateVersion"]["VersionNumber"]
    if not call.inputs.get("updateDefaultVersion"):
        return {"latestVersion": version}
    call.do("ModifyLaunchTemplate", LaunchTemplateId=call.id, DefaultVersion=str(version))
    return {"latestVersion": version, "defaultVersion": version}


_RULE_KEYS = words(
    "securityGroupId description ipProtocol fromPort toPort cidrIpv4 cidrIpv6 prefixListId referencedSecurityGroupId"
)


def _rule(direction: str) -> Adapter:
    token = f"aws:vpc/securityGroup{direction}Rule:SecurityGroup{direction}Rule"
    return Adapter(
        type=token,
        service="ec2",
        inputs=_RULE_KEYS,
        create=_create_rule,
        update=_update_rule,
        updates=_RULE_KEYS - {"securityGroupId"},
        delete=_delete_rule,
        check=_check_rule,
    )


ADAPTERS = (
    Adapter(
        type="aws:ec2/securityGroup:SecurityGroup",
        service="ec2",
        inputs=words("name namePrefix description vpcId ingress egress revokeRulesOnDelete"),
        create=_create_group,
        update=_update_group,
        updates=words("ingress egress revokeRulesOnDelete"),
        delete=remover("DeleteSecurityGroup", GroupId="id"),
        name="name",
    ),
    Adapter(
        type="aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
        service="ec2",
        inputs=words("vpcId ingress egress"),
        create=_adopt_default_group,
        update=_update_group,
        updates=words("ingress egress"),
    ),
    _rule("Ingress"),
    _rule("Egress"),
    Adapter(
        type="aws:ec2/launchTemplate:LaunchTemplate",
        service="ec2",
        inputs=_TEMPLATE_KEYS | words("name namePrefix description updateDefaultVersion"),
        create=_create_template,
        update=_update_template,
        updates=_TEMPLATE_KEYS | words("description updateDefaultVersion"),
        delete=remover("DeleteLaunchTemplate", LaunchTemplateId="id"),
        name="name",
    ),
)
