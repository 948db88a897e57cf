"""The offline world in which recoveries are rehearsed: stand-in providers, an engine, faults and a black-box client.

It imports the program; the program never imports it, and nobody deploys with it.
"""

import os

# gRPC's handlers for forks crash a child now and then while servers run; no child of a rehearsal goes on with gRPC.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")
