"""Decode media files with pure functions: the same file and settings give the same bytes."""
