"""The grid on a SLURM cluster, through submitit; the waves, packs and states are plain functions without either."""
