"""Launchers: they decide where and in what order runs are executed."""
