"""Decoding of media files by pure functions: the same file and settings give the same bytes."""
