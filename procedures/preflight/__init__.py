"""Obstacles to a failover: looked for before it is needed, from the side that would survive."""
