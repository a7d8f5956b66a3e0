"""From a request to a plan: resolve the request once, check it, and build its runs."""
