"""The offline world in which recoveries are rehearsed: stand-in providers, an engine, faults and a black-box client.

It imports the program; the program never imports it, and nobody deploys with it.
"""
