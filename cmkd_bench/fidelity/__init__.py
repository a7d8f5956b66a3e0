"""What holds a method to its paper, on one page: equations, defaults, departures, other implementations, oracles."""
