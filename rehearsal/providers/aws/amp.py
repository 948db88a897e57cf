"""Workspaces of Amazon Managed Service for Prometheus."""

from __future__ import annotations

from rehearsal.providers.aws.adapter import Adapter, Call, Created, remover, words


def _create(call: Call) -> Created:
    made = call.do("CreateWorkspace", alias=call.inputs["alias"], tags=call.inputs["tags"])
    # The provider's id is the workspace's, and the endpoint ends in a slash.
    described = call.do("DescribeWorkspace", workspaceId=made["workspaceId"])["workspace"]
    return made["workspaceId"], {
        "arn": described["arn"],
        "prometheusEndpoint": described["prometheusEndpoint"],
    }


ADAPTERS = (
    Adapter(
        type="aws:amp/workspace:Workspace",
        service="amp",
        inputs=words("alias"),
        create=_create,
        delete=remover("DeleteWorkspace", workspaceId="id"),
    ),
)
