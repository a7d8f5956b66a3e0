"""Kill and resume a grid, and check that it ends with the same bytes as an uninterrupted one."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import load_file

from benchmarks.gpu._grids import command, report_runs
from benchmarks.gpu._part import Part, run_part

COMPARED = ("result.json", "history.json", "predictions.safetensors", "student.safetensors")
METHODS, FEWER = "kd,c2kd,crd", "kd"


def main(part: Part) -> None:
    """Run one grid uninterrupted; in others, kill the launcher or a worker, or interrupt the grid, and finish it."""
    alone, killed = part.folder / "alone", part.folder / "killed"
    if command(part, *_grid(part, alone), what="left alone") is None:
        return
    before = _memory_in_use(part)
    for victim in ("launcher",) if part.is_small else ("launcher", "worker", "interrupt"):
        with part.attempt(f"killing the {victim}"):
            _kill_once(part, killed, victim)
    command(part, *_grid(part, killed), "--retry-failed", what="to the end after being killed")
    part.row("memory of the card, MB", before=before, after=_memory_in_use(part))
    with part.attempt("results"):
        report_runs(part, killed / "grid")
        _compare(part, alone / "grid" / "runs", killed / "grid" / "runs")


def _grid(part: Part, results: Path) -> list[str]:
    epochs = 10 if part.is_small else 60
    settings = [f"train.epochs={epochs}", "launcher.checkpoint_seconds=0", "--device", part.device, "--jobs", "2"]
    asked = f"--methods {FEWER if part.is_small else METHODS} --datasets mfeat --pairs pixels:fourier --seeds 1".split()
    place = ["--results", str(results), "--experiment", "grid"]
    return ["run", *settings, *asked, "--one-way", "--no-controls", *place]


def _kill_once(part: Part, results: Path, victim: str) -> None:
    """Start the grid, wait for a checkpoint and a moment, and kill."""
    arguments = [sys.executable, "-m", "cmkd_bench", *_grid(part, results)]
    began = time.time()
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        while not (workers := _workers(process.pid)) or not _has_checkpoint_since(results, began):
            if process.poll() is not None or part.left < 10:
                part.fail(victim, f"no checkpoint to kill at; exit code {process.poll()}")
                return
            time.sleep(0.02)
        time.sleep(random.Random(victim).uniform(0.1, 0.5))
        if victim == "worker":
            os.kill(workers[0], signal.SIGKILL)
            time.sleep(2.0)
            process.send_signal(signal.SIGINT)
        else:
            process.send_signal(signal.SIGKILL if victim == "launcher" else signal.SIGINT)
        started = time.monotonic()
        process.wait(timeout=max(min(30.0, part.left), 1.0))
        while any(Path(f"/proc/{worker}").exists() for worker in workers) and time.monotonic() - started < 20:
            time.sleep(0.05)
        left = [worker for worker in workers if Path(f"/proc/{worker}").exists()]
        took = time.monotonic() - started
        part.row("kills", victim=victim, workers=len(workers), code=process.returncode, gone_after=took, left=len(left))
    finally:
        process.kill()
        process.wait()


def _has_checkpoint_since(results: Path, began: float) -> bool:
    try:
        return any(path.stat().st_mtime > began for path in results.rglob("checkpoint.pt"))
    except FileNotFoundError:  # the run has ended meanwhile
        return False


def _workers(launcher: int) -> list[int]:
    """The launcher's children that run the suite; not multiprocessing's tracker of resources."""
    children = Path(f"/proc/{launcher}/task/{launcher}/children")
    if not children.exists():
        return []
    lines = {int(child): Path(f"/proc/{child}/cmdline") for child in children.read_text().split()}
    return [child for child, line in lines.items() if line.exists() and b"resource_tracker" not in line.read_bytes()]


def _memory_in_use(part: Part) -> float | None:
    if part.device != "cuda":
        return None
    free, total = torch.cuda.mem_get_info()
    return (total - free) / 1e6


def _compare(part: Part, alone: Path, killed: Path) -> None:
    for run in sorted(path.name for path in alone.iterdir()):
        if not (killed / run / COMPARED[0]).exists():
            part.fail(run, "was not done to the end")
            continue
        same = {name: (alone / run / name).read_bytes() == (killed / run / name).read_bytes() for name in COMPARED}
        here, there = (load_file(folder / run / COMPARED[2])["logits"] for folder in (alone, killed))
        difference = float((here - there).abs().max())
        part.row("killed and resumed against left alone", run=run, **same, largest_difference_of_logits=difference)


if __name__ == "__main__":
    run_part(main)
