"""IAM. moto has AWS's managed policies only when it is started with MOTO_IAM_LOAD_MANAGED_POLICIES=true."""

from __future__ import annotations

from rehearsal.providers.aws.adapter import Adapter, Call, Created, gives, remover, words
from rehearsal.providers.backend import Plain


def _create_role(call: Call) -> Created:
    made = call.send(
        "CreateRole",
        ("description", "path", "maxSessionDuration", "permissionsBoundary", "tags"),
        RoleName=call.inputs["name"],
        AssumeRolePolicyDocument=call.inputs["assumeRolePolicy"],
    )["Role"]
    return made["RoleName"], {
        "arn": made["Arn"],
        "uniqueId": made["RoleId"],
        "createDate": made["CreateDate"].isoformat(),
    }


def _update_role(call: Call) -> Plain:
    if "assumeRolePolicy" in call.changed:
        call.do("UpdateAssumeRolePolicy", RoleName=call.id, PolicyDocument=call.inputs["assumeRolePolicy"])
    if call.changed & {"description", "maxSessionDuration"}:
        call.send("UpdateRole", ("description", "maxSessionDuration"), RoleName=call.id)
    return {}


def _delete_role(call: Call) -> None:
    call.do("DeleteRole", RoleName=call.id)


def _put_role_policy(call: Call) -> Created:
    role, name = call.inputs["role"], call.inputs["name"]
    call.do("PutRolePolicy", RoleName=role, PolicyName=name, PolicyDocument=call.inputs["policy"])
    return f"{role}:{name}", {}


def _update_role_policy(call: Call) -> Plain:
    return _put_role_policy(call)[1]


def _attach(call: Call) -> Created:
    role, policy = call.inputs["role"], call.inputs["policyArn"]
    call.do("AttachRolePolicy", RoleName=role, PolicyArn=policy)
    return f"{role}/{policy}", {}


def _create_policy(call: Call) -> Created:
    made = call.send(
        "CreatePolicy",
        ("description", "path", "tags"),
        PolicyName=call.inputs["name"],
        PolicyDocument=call.inputs["policy"],
    )["Policy"]
    return made["Arn"], gives(made, arn="Arn", policyId="PolicyId", path="Path")


def _update_policy(call: Call) -> Plain:
    """Create a new default version and delete the previous one, since AWS keeps at most five."""
    listed = call.do("ListPolicyVersions", PolicyArn=call.id)["Versions"]
    call.do("CreatePolicyVersion", PolicyArn=call.id, PolicyDocument=call.inputs["policy"], SetAsDefault=True)
    for version in listed:
        call.do("DeletePolicyVersion", PolicyArn=call.id, VersionId=version["VersionId"])
    return {}


def _create_oidc(call: Call) -> Created:
    made = call.do(
        "CreateOpenIDConnectProvider",
        Url=call.inputs["url"],
        ClientIDList=call.inputs.get("clientIdLists") or [],
        ThumbprintList=call.inputs.get("thumbprintLists") or [],
    )
    arn: str = made["OpenIDConnectProviderArn"]
    return arn, {"arn": arn, "url": call.inputs["url"].removeprefix("https://")}


ADAPTERS = (
    Adapter(
        type="aws:iam/role:Role",
        service="iam",
        inputs=words(
            "name namePrefix assumeRolePolicy description path maxSessionDuration permissionsBoundary"
            " forceDetachPolicies"
        ),
        create=_create_role,
        update=_update_role,
        updates=words("assumeRolePolicy description maxSessionDuration forceDetachPolicies"),
        delete=_delete_role,
        name="name",
    ),
    Adapter(
        type="aws:iam/rolePolicy:RolePolicy",
        service="iam",
        inputs=words("name namePrefix role policy"),
        create=_put_role_policy,
        update=_update_role_policy,
        updates=words("policy"),
        delete=remover("DeleteRolePolicy", RoleName="role", PolicyName="name"),
        name="name",
    ),
    Adapter(
        type="aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        service="iam",
        inputs=words("role policyArn"),
        create=_attach,
        delete=remover("DetachRolePolicy", RoleName="role", PolicyArn="policyArn"),
    ),
    Adapter(
        type="aws:iam/policy:Policy",
        service="iam",
        inputs=words("name namePrefix policy description path"),
        create=_create_policy,
        update=_update_policy,
        updates=words("policy"),
        delete=remover("DeletePolicy", PolicyArn="id"),
        name="name",
    ),
    Adapter(
        type="aws:iam/openIdConnectProvider:OpenIdConnectProvider",
        service="iam",
        inputs=words("url clientIdLists thumbprintLists"),
        create=_create_oidc,
        delete=remover("DeleteOpenIDConnectProvider", OpenIDConnectProviderArn="id"),
    ),
)
