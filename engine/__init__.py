"""Running the program without the Pulumi engine: recording it, and applying it in a rehearsal.

This is a rehearsal engine. Nobody deploys with it: it knows what the program uses and refuses the rest.
"""
