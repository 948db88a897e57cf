"""Public incidents that the rules learn from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Incident:
    """One incident and its lesson."""

    title: str
    lesson: str
    source: str


INCIDENTS: dict[str, Incident] = {
    "aws-2025-10": Incident(
        title="AWS us-east-1, 19 to 20 October 2025",
        lesson="A recovery must not launch, create or look up anything in the failed region. Global tables lagged, and"
        " a DNS record was emptied and not repaired.",
        source="Amazon Web Services, 'Summary of the Amazon DynamoDB Service Disruption in the Northern Virginia"
        " (US-EAST-1) Region'",
    ),
    "aws-2021-12": Incident(
        title="AWS us-east-1, 7 December 2021",
        lesson="Control planes failed for hours, that of Route 53 too. A failover must call none.",
        source="Amazon Web Services, 'Summary of the AWS Service Event in the Northern Virginia (US-EAST-1) Region'",
    ),
    "gitlab-2017": Incident(
        title="GitLab, 31 January 2017",
        lesson="An operator deleted the wrong database. Five kinds of backup had failed silently, and six hours of data"
        " were lost.",
        source="GitLab, 'Postmortem of database outage of January 31'",
    ),
    "roblox-2021": Incident(
        title="Roblox, 28 to 31 October 2021",
        lesson="The monitoring depended on the system that had failed, and a cold start was never rehearsed: 73 hours.",
        source="Roblox, 'Roblox Return to Service 10/28-10/31 2021'",
    ),
    "atlassian-2022": Incident(
        title="Atlassian, April 2022",
        lesson="A script deleted the sites of 775 customers, because nothing refused it. The restore took two weeks.",
        source="Atlassian, 'Post-Incident Review on the Atlassian April 2022 outage'",
    ),
    "unisuper-2024": Incident(
        title="UniSuper, May 2024",
        lesson="The provider deleted the subscription with both of its regions. Backups elsewhere saved the data.",
        source="UniSuper and Google Cloud, joint statement of May 2024",
    ),
}
"""By the key that rules name."""
