"""What runs in the cluster, one command each: `python -m operations NAME`.

The same code runs in a pod and in a rehearsal. Everything that a job is told comes from its environment.
Exit codes: 0 well, 1 not well, 2 a setting is missing or malformed, 3 refused.
"""
