"""The in-cluster jobs, one command each: `python -m operations NAME`.

The same code runs in a pod and in a rehearsal. A job reads all its settings from environment variables.
Exit codes: 0 success, 1 failure, 2 a setting is missing or malformed, 3 refused.
"""
