"""What holds a method to its paper, on one page: equations, defaults, deviations, other implementations, oracles."""
