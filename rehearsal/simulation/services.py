"""Everything that the sites share: the time, the network, the ledger, the databases, and what clients remember."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from recovery.timeline import DatabaseId
from rehearsal.history import Write
from rehearsal.simulation.kernel import Kernel
from rehearsal.simulation.network import Network
from rehearsal.simulation.server import Server
from rehearsal.simulation.table import Table

LAG_SECONDS = (0.1, 0.6)
"""The usual lag of a replica in another region."""


@dataclass
class Services:
    """The shared parts of one history."""

    kernel: Kernel
    network: Network
    table: Table
    servers: dict[DatabaseId, Server] = field(default_factory=dict[DatabaseId, Server])
    writes: list[Write] = field(default_factory=list[Write])
    """The writes that the clients sent, in the order of the answers."""
    added: Callable[[DatabaseId, Server], None] = lambda _, __: None
    """Called for each new server."""
    disturbed: Callable[[str, float], None] = lambda _, __: None
    """Called with a site and the seconds for which its fence has no pods."""
    _keys: itertools.count[int] = field(default_factory=itertools.count)

    def finds(self, database: DatabaseId) -> Callable[[], Server | None]:
        """Finds a database's server by its name, at each connection."""
        return lambda: self.servers.get(database)

    def next_key(self) -> str:
        return str(next(self._keys))

    def wrote(self, write: Write) -> None:
        self.writes.append(write)

    def add(self, database: DatabaseId, server: Server) -> None:
        """Add a server. A replica begins to follow its source."""
        self.servers[database] = server
        self.added(database, server)
        if server.follows:
            self._follow(database, server)

    def _follow(self, database: DatabaseId, server: Server) -> None:
        """Replay what the source has, as often as it arrives."""
        source = server.source
        if source is None:
            return
        way = (database.site, source.name)
        if server.is_up and source.is_up and self.network.is_open(*way):
            for record in server.lacks():
                server.replay(record)
        self.kernel.after(self.kernel.random.uniform(*LAG_SECONDS), lambda: self._follow(database, server))
