"""The paragraphs of the HIPAA Security Rule that the rules serve, and three proposed ones."""

from __future__ import annotations

CLAUSES: dict[str, str] = {
    "164.308(a)(7)(ii)(A)": "Data backup plan: retrievable exact copies of electronic protected health information",
    "164.308(a)(7)(ii)(B)": "Disaster recovery plan: restore any loss of data",
    "164.308(a)(7)(ii)(C)": "Emergency mode operation plan: continue critical processes and protect the data",
    "164.308(a)(7)(ii)(D)": "Testing and revision of the contingency plans",
    "164.308(a)(7)(ii)(E)": "Applications and data criticality analysis",
    "164.310(a)(2)(i)": "Contingency operations: access in support of the restoration of lost data",
    "164.310(d)(2)(iv)": "Data backup and storage: an exact copy before equipment is moved",
    "164.312(a)(1)": "Access control: only those who have been granted access rights",
    "164.312(a)(2)(ii)": "Emergency access procedure",
    "164.312(a)(2)(iv)": "Encryption and decryption of data at rest",
    "164.312(b)": "Audit controls",
    "164.312(c)(1)": "Integrity: protect from improper alteration or destruction",
    "164.312(e)(1)": "Transmission security",
    "90 FR 898 (proposed): 72 hours": "Proposed: critical systems and data are restored within 72 hours",
    "90 FR 898 (proposed): 48 hours": "Proposed: copies are no more than 48 hours older than the data",
    "90 FR 898 (proposed): 24 hours": "Proposed: notice within 24 hours of the activation of a contingency plan",
}
"""45 CFR part 164, subpart C, as of 2026; the three proposed ones are from 90 FR 898, 6 January 2025."""
