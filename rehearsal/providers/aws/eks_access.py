"""EKS add-ons, access entries and pod identities, all of which moto lacks.

Each call is validated against AWS's own description of the operation. The object is kept in the table `eks-<kind>`, by
`<region>/<identifying fields>`.
"""

from __future__ import annotations

from dataclasses import dataclass

from rehearsal.providers.aws.adapter import TABLES_LOCK, Adapter, Call, Created, words
from rehearsal.providers.backend import Plain, UnsupportedError, digest

_NAMES = {"resolveConflictsOnCreate": "resolveConflicts", "resolveConflictsOnUpdate": "resolveConflicts"}


@dataclass(frozen=True, kw_only=True)
class Kept:
    """One kind of object that belongs to a cluster. Each field lists inputs in one string."""

    token: str
    create: str
    key: str
    """The fields that identify an object within its cluster."""
    once: str = ""
    """Fields that are sent at creation only."""
    changes: str = ""
    update: str | None = None
    delete: str
    delete_keys: str
    association: bool = False
    """Whether AWS generates an id, which updates and deletes name."""

    @property
    def kind(self) -> str:
        """The name of the kind's table."""
        return f"eks-{self.token}"

    def adapter(self) -> Adapter:
        """The adapter of the kind's resource type."""
        return Adapter(
            type=f"aws:eks/{self.token[0].lower()}{self.token[1:]}:{self.token}",
            service="eks",
            inputs=words(f"{self.key} {self.once} {self.changes} resolveConflictsOnUpdate preserve"),
            create=self._create,
            update=self._update,
            updates=words(f"{self.changes} resolveConflictsOnUpdate resolveConflictsOnCreate preserve")
            if self.update
            else words(""),
            delete=self._delete,
        )

    def _create(self, call: Call) -> Created:
        call.pretend(
            self.create, **call.translate(self.create, words(f"{self.key} {self.once} {self.changes} tags"), _NAMES)
        )
        parts = [str(call.inputs[part]) for part in self.key.split()]
        name, cluster = ":".join(parts), f"{call.region}/{call.inputs['clusterName']}"
        with TABLES_LOCK:
            if cluster not in call.table("eks-clusters"):
                raise UnsupportedError(f"ResourceNotFoundException: no cluster {cluster}")
            if f"{call.region}/{name}" in call.table(self.kind):
                raise UnsupportedError(f"ResourceInUseException: {name} exists already in {call.region}")
            call.table(self.kind)[f"{call.region}/{name}"] = dict(call.inputs)
        arn = call.arn(f"{self.token.lower()}/{parts[0]}/{digest(name, 16)}")
        if not self.association:
            return name, {"arn": arn}
        return f"a-{digest(name, 17)}", {"associationArn": arn, "associationId": f"a-{digest(name, 17)}"}

    def _update(self, call: Call) -> Plain:
        if self.update:
            keys = words(f"{self.changes} resolveConflictsOnUpdate")
            call.pretend(self.update, **call.translate(self.update, keys, _NAMES), **self._target(call))
        with TABLES_LOCK:
            call.table(self.kind)[self._row(call)] = dict(call.inputs)
        return {}

    def _delete(self, call: Call) -> None:
        call.pretend(self.delete, **self._target(call))
        with TABLES_LOCK:
            call.table(self.kind).pop(self._row(call), None)

    def _target(self, call: Call) -> Plain:
        return {key: call.id if key == "associationId" else call.inputs[key] for key in self.delete_keys.split()}

    def _row(self, call: Call) -> str:
        return f"{call.region}/" + ":".join(str(call.inputs[part]) for part in self.key.split())


_KINDS = (
    Kept(
        token="Addon",
        create="CreateAddon",
        key="clusterName addonName",
        once="resolveConflictsOnCreate",
        changes="addonVersion configurationValues serviceAccountRoleArn podIdentityAssociations",
        update="UpdateAddon",
        delete="DeleteAddon",
        delete_keys="clusterName addonName",
    ),
    Kept(
        token="PodIdentityAssociation",
        create="CreatePodIdentityAssociation",
        key="clusterName namespace serviceAccount",
        changes="roleArn targetRoleArn disableSessionTags policy",
        update="UpdatePodIdentityAssociation",
        delete="DeletePodIdentityAssociation",
        delete_keys="clusterName associationId",
        association=True,
    ),
    Kept(
        token="AccessEntry",
        create="CreateAccessEntry",
        key="clusterName principalArn",
        once="type",
        changes="kubernetesGroups userName",
        update="UpdateAccessEntry",
        delete="DeleteAccessEntry",
        delete_keys="clusterName principalArn",
    ),
    Kept(
        token="AccessPolicyAssociation",
        create="AssociateAccessPolicy",
        key="clusterName principalArn policyArn",
        once="accessScope",
        delete="DisassociateAccessPolicy",
        delete_keys="clusterName principalArn policyArn",
    ),
)

ADAPTERS = tuple(kind.adapter() for kind in _KINDS)
