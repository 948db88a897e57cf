"""The Jobs of a stack whose rehearsal has no pods."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from components.kube.once import CLAIM
from engine.root import PROGRAM_ROOT
from rehearsal.offline import OfflineAccount
from rehearsal.providers.kubernetes.api import ApiError


def run_claims(account: OfflineAccount) -> None:
    """Run the claims of all sites as processes, with the rights of an administrator.

    There is no PostgreSQL here, so the Jobs that need one have nothing to do. The rehearsals run them.
    """

    def run(site: str, job: dict[str, Any]) -> None:
        if job["spec"]["template"]["spec"]["serviceAccountName"] != CLAIM:
            return
        (container,) = job["spec"]["template"]["spec"]["containers"]
        credentials = {"AWS_ACCESS_KEY_ID": "rehearsal", "AWS_SECRET_ACCESS_KEY": "rehearsal"}
        done = subprocess.run(
            [sys.executable, *container["command"][1:]],
            cwd=PROGRAM_ROOT,
            env={
                **os.environ,
                **credentials,
                "AWS_ENDPOINT_URL": account.endpoint_url,
                **{entry["name"]: entry["value"] for entry in container["env"]},
            },
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ApiError(f"{site}: {done.stdout}{done.stderr}")

    account.run_job = run
