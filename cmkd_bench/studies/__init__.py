"""Reproductions of published experiments, and sweeps over a dataset option: one ordinary grid per point of an axis."""
