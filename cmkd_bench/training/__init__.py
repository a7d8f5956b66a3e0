"""Train one run: loop, evaluation, teacher outputs, checkpoints."""
