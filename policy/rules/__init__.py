"""The rules, by the service that they judge."""
