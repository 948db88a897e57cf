"""What the platform's users and health checkers meet: sites, databases, the ledger, DNS, faults and time."""
