"""Rules that every change of a site must pass: a policy pack of Pulumi, and `lifeline policy` without an engine."""
