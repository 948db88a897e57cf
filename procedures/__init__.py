"""The procedures of an operator, as code: the `lifeline` command and the rehearsals use the same ones.

A procedure reaches the outside by what it is given (`access`, `web`): AWS and the internet, or the offline world.
"""
