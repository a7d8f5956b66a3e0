"""Measure the cost of the runner itself on a cluster: processor time and SLURM calls for a grid of about 1000 runs.

Short scripts replace SLURM's commands: they accept jobs and show them as pending, so that only our own cost counts.

Run from the root of the repository: python -m benchmarks.cluster [--seeds 30]
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from benchmarks._commands import measured
from benchmarks.report import CLASSES, SAMPLES, write_run
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.launch.slurm.campaign import specs_of

METHODS = "kd,dkd,fitnet,crd,cmcd,c2kd"
OF_A_JOB = ("launcher.device=cpu", "launcher.gpus=0", "launcher.runs_per_job=1")
SBATCH = r"""
eval script=\${$#}
number=$(($(cat "$SLURM_PLAYED/number") + 1)); echo $number > "$SLURM_PLAYED/number"
name=$(sed -n 's/^#SBATCH --job-name=//p' "$script")
array=$(sed -n 's/^#SBATCH --array=\([0-9-]*\).*/_[\1]/p' "$script")
echo "$number$array|PENDING|Priority||$name" >> "$SLURM_PLAYED/queue"
echo "Submitted batch job $number"
"""
SCRIPTS = {
    "sbatch": SBATCH,
    "squeue": 'cat "$SLURM_PLAYED/queue"',
    "scontrol": "echo 'MaxArraySize = 1001'",
    "sinfo": "echo 'main*|infinite|up|64|256000|(null)'",
    "sacct": "exit 1",
    "scancel": "exit 1",
    "srun": "exit 1",
}


def main(seeds: Annotated[int, typer.Option(help="of the grid; 30 are about 1,000 runs")] = 30) -> None:
    """Print processor seconds, wall seconds and calls of SLURM by command."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = _played_slurm(folder)
        experiment = Experiment(folder / "results", "large")
        grid = ["run", "--methods", METHODS, "--datasets", "mfeat", "--seeds", str(seeds), "--experiment", "large"]
        grid += ["--results", str(experiment.root)]
        about = ["large", "--results", str(experiment.root)]
        table = Table("command", "processor [s]", "wall [s]", "calls of SLURM")

        def measure(title: str, *arguments: str, codes: tuple[int, ...] = (0,)) -> None:
            table.add_row(title, *_measured(folder, environment, arguments, codes))

        measure("run --dry-run", *grid, "--dry-run")
        measure("run --launcher slurm", *grid, "--launcher", "slurm", *OF_A_JOB)
        measure("the same again", *grid, "--launcher", "slurm", *OF_A_JOB)
        measure("status, all queued", "status", *about, codes=(4,))
        specs = specs_of(experiment)
        generator = np.random.default_rng(0)
        labels = generator.integers(0, CLASSES, SAMPLES)
        for spec in specs:
            write_run(experiment, spec, labels, generator)
        measure("status, all done", "status", *about)
        measure("collect", "collect", *about)
        measure("collect again", "collect", *about)
        table.title = f"{len(specs)} runs"
        Console().print(table)


def _played_slurm(folder: Path) -> dict[str, str]:
    scripts = folder / "bin"
    scripts.mkdir()
    for name, text in SCRIPTS.items():
        (scripts / name).write_text(f'#!/bin/sh\necho {name} >> "$SLURM_PLAYED/calls"\n{text}\n')
        (scripts / name).chmod(0o755)
    for name, text in (("number", "100"), ("queue", ""), ("calls", "")):
        (folder / name).write_text(text)
    return {**os.environ, "PATH": f"{scripts}:{os.environ['PATH']}", "SLURM_PLAYED": str(folder)}


def _measured(
    folder: Path, environment: dict[str, str], arguments: tuple[str, ...], codes: tuple[int, ...]
) -> tuple[str, str, str]:
    """Return the processor seconds, wall seconds, and SLURM calls of a command."""
    calls = len((folder / "calls").read_text().split())
    busy, wall = measured(arguments, environment, codes)
    made = len((folder / "calls").read_text().split()) - calls
    return f"{busy:.1f}", f"{wall:.1f}", str(made)


if __name__ == "__main__":
    typer.run(main)
