"""Time the leaderboard and the report of 10,000 runs, with intervals for every pair of rows.

Run from the root of the repository: python -m benchmarks.report [--runs 10000]
"""

from __future__ import annotations

import cProfile
import pstats
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

from benchmarks._commands import measured
from cmkd_bench.experiment.plan import Cell
from cmkd_bench.experiment.spec import RunSpec
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.report.experiment_tables import write_board
from cmkd_bench.report.formats import render
from cmkd_bench.testing.made import made_spec, write_made_plan, write_made_run

METHODS, SEEDS, SAMPLES, CLASSES = 20, 10, 600, 10
CHOSEN = (("weight", 1.0),)


def main(
    runs: Annotated[int, typer.Option(help="distillation runs")] = 10_000,
    profile: Annotated[bool, typer.Option(help="show where the time of a second reading goes")] = False,
) -> None:
    """Time the command of the tables with and without its notes of an earlier one, each format, and the page's."""
    with tempfile.TemporaryDirectory() as folder:
        experiment = Experiment(Path(folder), "synthetic")
        total = write_experiment(experiment, runs // (METHODS * SEEDS))
        say = Console(soft_wrap=True).print
        say(f"{total} runs, {METHODS} rows, {runs // (METHODS * SEEDS)} columns, {SEEDS} seeds, {SAMPLES} test samples")
        about = (experiment.name, "--results", folder)
        for name, command in {
            "leaderboard, predictions read": ("leaderboard", *about, "--format", "markdown"),
            "leaderboard again": ("leaderboard", *about, "--format", "markdown"),
            "report": ("report", *about),
        }.items():
            busy, wall = measured(command)
            say(f"{name}: {wall:.1f} s, of which {busy:.1f} s processor time")
        for name in ("report.html", "predictions-cache.safetensors"):
            say(f"{name}: {(experiment.path / name).stat().st_size / 1e6:.1f} MB")
        _, board = write_board(experiment)
        say(f"{len(board.comparisons.pairs)} pairs compared")
        for form in ("markdown", "latex", "html", "csv"):
            start = time.perf_counter()
            render(board, form, experiment.name)
            say(f"{form}: {time.perf_counter() - start:.2f} s")
        if profile:
            with cProfile.Profile() as recorded:
                write_board(experiment)
            pstats.Stats(recorded).sort_stats("cumulative").print_stats(35)


def write_experiment(experiment: Experiment, columns: int) -> int:
    """Write folders of runs that never ran; how many there are, teachers included."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, CLASSES, SAMPLES)
    cells, written = [], set()
    for cell, spec in _grid(columns):
        if spec.id not in written:
            written.add(spec.id)
            write_run(experiment, spec, labels, generator)
        if cell is not None:
            cells.append(cell)
    write_made_plan(experiment, cells)
    return len(written)


def _grid(columns: int) -> Iterator[tuple[Cell | None, RunSpec]]:
    for column in range(columns):
        dataset, teacher_modality, student_modality = f"data{column // 5}", f"a{column % 5}", f"b{column % 5}"
        for seed in range(SEEDS):
            teacher = made_spec("none", dataset, seed, teacher_modality, hyperparameters=CHOSEN)
            yield None, teacher
            for method in range(METHODS):
                name = f"method{method}" if method else "none"
                taught = (teacher_modality, teacher.id) if method else (None, None)
                spec = made_spec(name, dataset, seed, student_modality, *taught, hyperparameters=CHOSEN)
                role = "method" if method else "baseline"
                sides = (teacher_modality, student_modality)
                yield Cell(name, role, dataset, 0, 1.0, *sides, seed, spec.id, teacher.id), spec


def write_run(experiment: Experiment, spec: RunSpec, labels: np.ndarray, generator: np.random.Generator) -> None:
    """Write the folder of a run that never ran, with logits that are right more often than not."""
    logits = generator.standard_normal((SAMPLES, CLASSES), dtype=np.float32)
    logits[np.arange(SAMPLES), labels] += 2.0
    write_made_run(experiment, spec, logits, labels, with_history=True)


if __name__ == "__main__":
    typer.run(main)
