"""The Kubernetes stand-in: an in-memory API server that refuses what a real one refuses, and its provider backend."""
