"""The contents of the results folder as data: specs, plans, trials, the store and its files."""
