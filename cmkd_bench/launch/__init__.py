"""Launchers: where and in what order runs are executed."""
