"""Training one run: loop, evaluation, teacher outputs, checkpoints."""
