"""The world around the program: sites, databases, the ledger, DNS, health checks, clients, faults and time."""
