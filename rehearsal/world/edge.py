"""The edges of CloudFront, which are in no region: they answer with the declared function of a distribution.

The function's code is read and not run: it must be one answer in JSON. `tests/page` runs it in a browser. Sources:
Amazon CloudFront Developer Guide, "Generate HTTP responses" and "Requirements for using SSL/TLS certificates".
"""

from __future__ import annotations

import json
import re
from types import TracebackType
from typing import Any, Self

from rehearsal.world.declared import Declared, Resource
from rehearsal.world.loopback import LoopbackServer, Reply, Request
from rehearsal.world.ways import Ask, is_for

DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
FUNCTION = "aws:cloudfront/function:Function"
_ANSWER = re.compile(r"function handler\(event\) \{\s*return (\{.*\});\s*\}\s*", re.DOTALL)


class Edge:
    """An edge of CloudFront. No lost region takes it away.

    Args:
        declared: the resources of the account.
    """

    def __init__(self, declared: Declared) -> None:
        self._declared = declared
        self._server = LoopbackServer("edge", self._answer)

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()

    def find(self, target: str, how: Ask) -> tuple[str, int] | None:
        """The address of an edge on this machine; None if the target is no distribution.

        Raises:
            ConnectionRefusedError: if no distribution has the name, or its certificate is for other names.
        """
        found = [entry for entry in self._declared.of(DISTRIBUTION) if entry.outputs["domainName"] == target]
        if not found:
            return None
        certificate = str(found[0].inputs["viewerCertificate"]["acmCertificateArn"])
        if how.host and not (_serves(found[0], how.host) and is_for(self._declared, certificate, how.host)):
            raise ConnectionRefusedError(f"the distribution {found[0].id} does not serve {how.host}")
        return self._server.address

    def _answer(self, request: Request) -> Reply:
        for distribution in self._declared.of(DISTRIBUTION):
            if _serves(distribution, request.host):
                return self._reply(distribution)
        return Reply(403, {"error": f"no distribution serves {request.host}"})

    def _reply(self, distribution: Resource) -> Reply:
        entries: list[dict[str, Any]] = distribution.inputs["defaultCacheBehavior"].get("functionAssociations") or []
        arns = {entry["functionArn"] for entry in entries if entry["eventType"] == "viewer-request"}
        for function in self._declared.of(FUNCTION):
            if function.outputs["arn"] in arns and (said := _ANSWER.fullmatch(str(function.inputs["code"]))):
                answer = json.loads(said[1])
                return Reply(int(answer["statusCode"]), {"page": answer["body"]})
        return Reply(502, {"error": "the origin of the distribution does not exist"})


def _serves(distribution: Resource, host: str) -> bool:
    return bool(distribution.inputs["enabled"]) and host in distribution.inputs.get("aliases", ())
