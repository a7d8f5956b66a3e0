"""Metrics and paired statistics as pure functions of arrays; independent of runs, files and tables."""
