"""Alarms in CloudWatch, for faults that a dead cluster cannot report."""
