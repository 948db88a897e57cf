"""Running the Pulumi program: recording it, comparing recordings, and applying it in a rehearsal.

The in-process engine is for rehearsals only. It supports the features that the program uses and refuses all others.
"""
