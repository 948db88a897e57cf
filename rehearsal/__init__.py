"""The offline world in which recoveries are rehearsed: stand-in providers, faults, DNS, databases and clients."""

import os

# gRPC's fork handlers sometimes crash a child process while servers run. No child process here uses gRPC.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")
