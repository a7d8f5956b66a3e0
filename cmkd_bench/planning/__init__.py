"""From a request to a plan: resolved once, checked whole, built as runs."""
