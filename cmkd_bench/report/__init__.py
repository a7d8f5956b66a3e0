"""From an experiment's folder to results, tables and pictures; nothing in here trains."""
