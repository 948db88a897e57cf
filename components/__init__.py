"""The component resources of a site, one per file. `stacks` wires them together."""
