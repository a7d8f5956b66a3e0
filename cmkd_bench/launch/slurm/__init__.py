"""Run a grid on a SLURM cluster through submitit; waves, packs and states are plain functions without either."""
