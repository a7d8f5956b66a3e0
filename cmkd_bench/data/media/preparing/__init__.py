"""Prepare downloaded files as a set: once, in parallel, resumable, with the same bytes every time."""
