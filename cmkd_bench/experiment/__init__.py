"""What lies on disk, as data: specs, plans, trials, the store and its files."""
