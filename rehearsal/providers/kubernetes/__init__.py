"""The Kubernetes stand-in: an API server in memory that refuses what a real one would, and the backend before it."""
