"""One site of the platform: its configuration, its place in the timeline, and its wiring."""
