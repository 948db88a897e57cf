"""All mutations."""

from __future__ import annotations

from tests.policy.mutation import Mutation
from tests.policy.mutations import cluster, copies, data, identity, pairs, proofs, reach, traffic

MUTATIONS: tuple[Mutation, ...] = (
    *data.DATABASES,
    *data.LEDGER,
    *copies.BUCKETS,
    *copies.KEYS,
    *identity.CLAIMS,
    *identity.CALLERS,
    *cluster.CLUSTERS,
    *cluster.PODS,
    *cluster.AVAILABILITY,
    *traffic.TRAFFIC,
    *traffic.WATCHING,
    *reach.REACH,
    *proofs.PROOFS,
    *pairs.PARITY,
    *pairs.RELATIONS,
    *pairs.CAPACITY,
)
