"""Use what a finished run deploys: load it with its preprocessing, predict from raw samples, export it."""
