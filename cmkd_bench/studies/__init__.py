"""Published experiments run again, and sweeps of a dataset's knob: ordinary grids, once per point of an axis."""
