"""The protocol of a recovery in simulated time: the real jobs, a model of everything they talk to, and one seed."""
