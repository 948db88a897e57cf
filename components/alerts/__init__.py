"""Alerting rules as data: each states when the platform is healthy, and fires unless that is shown."""
