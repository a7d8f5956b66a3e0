"""Killed at random points, again and again, a grid ends with the same bytes as one that was left alone."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

METHODS = "c2kd,crd,fitnet,cmcd"
COMPARED = ("result.json", "history.json", "predictions.safetensors", "student.safetensors", "spec.json")


def command(results: Path, *extra: str) -> list[str]:
    settings = ["train.epochs=25", "launcher.checkpoint_seconds=0"]
    grid = ["--methods", METHODS, "--datasets", "mfeat", "--pairs", "pixels:fourier", "--seeds", "1", "--one-way"]
    place = ["--results", str(results), "--experiment", "killed", "--jobs", "2", "--no-controls"]
    return [sys.executable, "-m", "cmkd_bench", "run", *settings, *grid, *place, *extra]


def files(results: Path) -> dict[str, bytes]:
    runs = results / "killed" / "runs"
    return {f"{run.name}/{name}": (run / name).read_bytes() for run in runs.iterdir() for name in COMPARED}


def workers_of(process: subprocess.Popen[bytes]) -> list[int]:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(child) for child in children.read_text().split()] if children.exists() else []


def wait_until_gone(processes: list[int], seconds: float = 30.0) -> bool:
    end = time.monotonic() + seconds
    while any(Path(f"/proc/{process}").exists() for process in processes):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def wait_for_checkpoint(process: subprocess.Popen[bytes], results: Path) -> bool:
    """Until some run has a checkpoint; whether the command is still at work."""
    while process.poll() is None:
        if any(results.rglob("checkpoint.pt")):
            return True
        time.sleep(0.01)
    return False


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    results = tmp_path_factory.mktemp("uninterrupted")
    subprocess.run(command(results), check=True, capture_output=True, timeout=300)
    return files(results)


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["launcher", "worker", "interrupt"])
def test_a_killed_grid_ends_with_the_same_bytes(tmp_path: Path, uninterrupted: dict[str, bytes], victim: str) -> None:
    choose = random.Random(victim)
    kills = 0
    for _ in range(4):
        process = subprocess.Popen(command(tmp_path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while wait_for_checkpoint(process, tmp_path):
                time.sleep(choose.uniform(0.0, 0.4))
                if victim == "worker":
                    if workers := workers_of(process):
                        os.kill(choose.choice(workers), signal.SIGKILL)
                        kills += 1
                    if kills >= 4:  # a run that dies three times is given up, so there is an end to it
                        process.wait(timeout=300)
                    continue
                workers = workers_of(process)
                process.send_signal(signal.SIGKILL if victim == "launcher" else signal.SIGINT)
                process.wait(timeout=60)
                kills += 1
                assert wait_until_gone(workers), "workers outlived their launcher"
        finally:
            process.kill()
            process.wait()
    assert kills >= 2, "the grid was over before it could be killed: nothing was tested"
    subprocess.run(command(tmp_path, "--retry-failed"), check=True, capture_output=True, timeout=300)
    assert files(tmp_path) == uninterrupted
    assert not list((tmp_path / "killed" / "runs").glob("*/.*.tmp")), "half-written files were left behind"


@pytest.mark.slow
def test_two_commands_at_once_do_no_run_twice(tmp_path: Path, uninterrupted: dict[str, bytes]) -> None:
    counts = tmp_path / "counts"
    plugin = ["--plugin", str(Path(__file__).parent.parent / "plugins" / "counting.py")]
    arguments = [*command(tmp_path / "results", *plugin, "--methods", f"{METHODS},counted", "--seeds", "3")]
    environment = {**os.environ, "COUNT_FILE": str(counts)}
    both = [
        subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment) for _ in range(2)
    ]
    outputs = [process.communicate(timeout=300)[0].decode() for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert counts.read_text().splitlines() == ["executed"] * 3
    done = files(tmp_path / "results")
    assert {name: done[name] for name in uninterrupted} == uninterrupted
