"""Compare downloads with what was published, and tell what is on this machine; no run depends on this."""
