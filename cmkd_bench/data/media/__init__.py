"""Datasets on the user's disk: found, catalogued, decoded and stored as prepared arrays."""
