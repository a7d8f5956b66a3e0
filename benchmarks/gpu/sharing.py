"""Compare a grid of 24 small runs with several jobs on one GPU, with one job, and on CPU cores."""

from __future__ import annotations

import csv
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.gpu._grids import command
from benchmarks.gpu._part import Part, run_part

METHODS = "kd,dkd,fitnet,crd,c2kd,mfh,cmcd"  # with the student alone and its teacher's runs: 24 and 3 teachers


def main(part: Part) -> None:
    """Many jobs first, 0 for as many as memory allows: they are quick, and tell most where time runs out."""
    jobs = (1,) if part.is_small else (0, 16, 8, 4, 1)
    for device, number in [("cpu", os.cpu_count() or 1), *((part.device, number) for number in jobs)]:
        if part.left > 10:
            with part.attempt(f"{number} jobs on {device}"):
                _grid(part, device, number)


def _grid(part: Part, device: str, jobs: int) -> None:
    results = part.folder / f"{device}-{jobs}"
    asked = ["--methods", METHODS, "--datasets", "mfeat", "--pairs", "pixels:fourier", "--one-way", "--no-controls"]
    place = ["--results", str(results), "--experiment", "grid"]
    settings = [f"train.epochs={3 if part.is_small else 20}", "--device", device, "--jobs", str(jobs), "--seeds", "3"]
    with _watched(part) as peak:
        took = command(part, "run", *settings, *asked, *place, what=f"{jobs} jobs on {device}")
    if took is None:
        return
    with (results / "grid" / "runs.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["status"] == "done"]
    inside = sum(float(row["seconds"]) for row in rows)
    started, ended = _span(results / "grid" / "runs")
    part.row(
        "runs that share a card",
        device=device,
        jobs=jobs,
        runs=len(rows),
        command_s=took,
        from_first_to_last_run_s=ended - started,
        training_s_in_all_runs=inside,
        training_s_per_run=inside / max(len(rows), 1),
        most_memory_of_the_card_mb=max(peak, default=None),
    )


def _span(runs: Path) -> tuple[float, float]:
    """When the first spec was written, and when the last result was."""
    started = min(path.stat().st_mtime for path in runs.glob("*/spec.json"))
    return started, max(path.stat().st_mtime for path in runs.glob("*/result.json"))


@contextmanager
def _watched(part: Part) -> Iterator[list[float]]:
    """The memory in use on the card, four times a second."""
    seen: list[float] = []
    over = threading.Event()

    def watch() -> None:
        query = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
        while not over.wait(0.25):
            shown = subprocess.run(query, capture_output=True, text=True, check=False)
            if shown.returncode == 0:
                seen.append(float(shown.stdout.split()[0]))
            time.sleep(0.05)

    thread = threading.Thread(target=watch, daemon=True)
    if part.device == "cuda":
        thread.start()
    try:
        yield seen
    finally:
        over.set()


if __name__ == "__main__":
    run_part(main)
