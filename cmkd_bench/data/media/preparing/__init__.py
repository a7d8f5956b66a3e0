"""From files as they were downloaded to a prepared set: once, in parallel, resumable, the same bytes every time."""
