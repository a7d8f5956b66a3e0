"""Worker processes, for runs and for decoding."""
