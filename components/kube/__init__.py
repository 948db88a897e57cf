"""Kubernetes objects as plain data: pure functions by topic. Only `objects` uses Pulumi."""
