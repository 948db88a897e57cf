"""The links that work in every rehearsal, whatever is declared."""

from __future__ import annotations

_REQUESTS = (
    "the versions of TLS",
    "the load of a whole region",
    "whether an image starts",
    "roll-outs",
)
_DATABASE = (
    "the TLS of services to their database",
    "routes inside the VPC",
    "parameters of the database besides rds.force_ssl",
)
NOT_MODELLED: dict[str, tuple[str, ...]] = {
    "crisis": _REQUESTS,
    "hotline": _REQUESTS,
    "core": (*_REQUESTS, *_DATABASE),
    "full": (*_REQUESTS, *_DATABASE),
    "data": (*_REQUESTS, *_DATABASE),
}
"""The links by tier (docs/rehearsal.md)."""
