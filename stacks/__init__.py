"""One site of the platform: its configuration and its wiring."""
