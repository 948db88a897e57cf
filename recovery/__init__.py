"""The rules of recovery: timeline, objectives and names. Pure Python that imports no other package of the project."""
