"""Kubernetes objects as plain data: pure functions by topic, and one registrar. No Pulumi except in `objects`."""
