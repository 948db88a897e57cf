"""What operates the platform: the `lifeline` command, and later the jobs in the cluster."""
