"""Datasets on the user's disk: find, catalogue, decode and store them as prepared arrays."""
