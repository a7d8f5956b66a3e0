"""Pictures of an experiment: one file per picture, drawn from plain data, the same bytes every time."""
