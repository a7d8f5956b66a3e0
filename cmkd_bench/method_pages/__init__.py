"""Pages that compare a method with its paper: equations, defaults, deviations, other implementations, oracles."""
