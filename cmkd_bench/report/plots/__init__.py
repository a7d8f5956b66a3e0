"""Pictures of an experiment, plotted from plain data, one file per picture."""
