"""The leaderboard and the page of 10,000 runs, from their folders on, with intervals for every pair of rows.

Run from the root of the repository: python -m benchmarks.report [--runs 10000]
"""

from __future__ import annotations

import cProfile
import dataclasses
import pstats
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from safetensors.numpy import save_file

from cmkd_bench.files import write_json
from cmkd_bench.plan import Cell
from cmkd_bench.report.formats import render
from cmkd_bench.report.page.write import write_page
from cmkd_bench.report.write import write_board
from cmkd_bench.spec import RunSpec
from cmkd_bench.store import Experiment

METHODS, SEEDS, SAMPLES, CLASSES, EPOCHS = 20, 10, 600, 10, 15
CONDITIONS = {"folds": 1, "fixture": False, "protocol": "fair", "train.select_on": "validation"}


def main(
    runs: Annotated[int, typer.Option(help="distillation runs")] = 10_000,
    profile: Annotated[bool, typer.Option(help="show where the time of a second reading goes")] = False,
) -> None:
    """Time the first reading of an experiment, the second one, and each format."""
    with tempfile.TemporaryDirectory() as folder:
        experiment = Experiment(Path(folder), "synthetic")
        total = write_experiment(experiment, runs // (METHODS * SEEDS))
        say = Console().print
        say(f"{total} runs, {METHODS} rows, {runs // (METHODS * SEEDS)} columns, {SEEDS} seeds, {SAMPLES} test samples")
        for name in ("first, predictions read", "again"):
            start, start_busy = time.perf_counter(), time.process_time()
            _, board = write_board(experiment)
            seconds, busy = time.perf_counter() - start, time.process_time() - start_busy
            pairs = len(board.comparisons.pairs)
            say(f"tables, {name}: {seconds:.1f} s, of which {busy:.1f} s processor time ({pairs} pairs compared)")
        for form in ("markdown", "latex", "html", "csv"):
            start = time.perf_counter()
            render(board, form, experiment.name)
            say(f"{form}: {time.perf_counter() - start:.2f} s")
        start, start_busy = time.perf_counter(), time.process_time()
        page = write_page(experiment)
        seconds, busy = time.perf_counter() - start, time.process_time() - start_busy
        say(f"page: {seconds:.1f} s, of which {busy:.1f} s processor time; {page.stat().st_size / 1e6:.1f} MB")
        size = (experiment.path / "outcomes.npz").stat().st_size
        say(f"outcomes.npz: {size / 1e6:.1f} MB")
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
            cells.append(dataclasses.asdict(cell))
    conditions = {cell["dataset"]: CONDITIONS for cell in cells}
    plan = {"baseline": "none", "conditions": conditions, "remarks": {}, "cells": cells}
    write_json(experiment.plan, plan)
    return len(written)


def _grid(columns: int) -> Iterator[tuple[Cell | None, RunSpec]]:
    for column in range(columns):
        dataset, teacher_modality, student_modality = f"data{column // 5}", f"a{column % 5}", f"b{column % 5}"
        for seed in range(SEEDS):
            teacher = _spec("none", dataset, seed, teacher_modality, None, None)
            yield None, teacher
            for method in range(METHODS):
                name = f"method{method}" if method else "none"
                taught = (teacher_modality, teacher.id) if method else (None, None)
                spec = _spec(name, dataset, seed, student_modality, *taught)
                role = "method" if method else "baseline"
                yield Cell(name, role, dataset, 0, teacher_modality, student_modality, seed, spec.id, teacher.id), spec


def _spec(
    method: str, dataset: str, seed: int, modality: str, teacher_modality: str | None, teacher: str | None
) -> RunSpec:
    return RunSpec(
        method=method,
        hyperparameters=(("weight", 1.0),),
        dataset=dataset,
        options=(),
        manifest="0" * 64,
        fold=0,
        student_modality=modality,
        student_network="mlp",
        teacher_modality=teacher_modality,
        teacher_network="mlp" if teacher else None,
        teacher=teacher,
        pretrained="",
        teacher_pretrained="",
        preparation=(),
        augmentation=(),
        recipe=(("epochs", EPOCHS),),
        seed=seed,
    )


def write_run(experiment: Experiment, spec: RunSpec, labels: np.ndarray, generator: np.random.Generator) -> None:
    """Write the folder of a run that never ran, with logits that are right more often than not."""
    folder = experiment.add(spec)
    logits = generator.standard_normal((SAMPLES, CLASSES), dtype=np.float32)
    logits[np.arange(SAMPLES), labels] += 2.0
    save_file({"logits": logits, "labels": labels}, folder.predictions)
    value = 100.0 * float((logits.argmax(1) == labels).mean())
    names = ("selected_on", "fixture", "teacher_value", "teacher_value_after")
    known = {"metric": "accuracy", "value": value, "val_value": value, "epochs": EPOCHS, "extra_parameters": 0}
    result = {**dict.fromkeys(names), **known, "best_epoch": EPOCHS, "other_metrics": {}, "observed": {}}
    curve = [{"epoch": epoch, "selection": value * epoch / EPOCHS} for epoch in range(1, EPOCHS + 1)]
    write_json(folder.history, [one | {"stage": "train", "losses": {}, "observed": {}} for one in curve])
    write_json(folder.cost, {"seconds": 1.0, "peak_mb": 600.0, "code": "0"})
    write_json(folder.result, result)


if __name__ == "__main__":
    typer.run(main)
