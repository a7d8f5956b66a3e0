"""Killed at random points, again and again, a grid ends with the same bytes as one that was left alone."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from waiting import are_gone, wait_until, workers_of

PLUGINS = Path(__file__).parent.parent / "plugins"
METHODS = "c2kd,crd,fitnet,cmcd"
COMPARED = ("result.json", "history.json", "predictions.safetensors", "student.safetensors", "spec.json")
KILLS = 4
INTERRUPTED = 130
pytestmark = [pytest.mark.kill, pytest.mark.xdist_group("kill")]


def command(results: Path, *extra: str) -> list[str]:
    settings = ["train.epochs=12", "launcher.checkpoint_seconds=0", "model.student=delicate", "model.teacher=delicate"]
    grid = ["--methods", METHODS, "--datasets", "mfeat", "--pairs", "pixels:fourier", "--seeds", "1", "--one-way"]
    place = ["--results", str(results), "--experiment", "killed", "--jobs", "2", "--no-controls"]
    plugin = ["--plugin", str(PLUGINS / "delicate.py")]
    return [sys.executable, "-m", "cmkd_bench", "run", *settings, *grid, *place, *plugin, *extra]


def files(results: Path) -> dict[str, bytes]:
    runs = results / "killed" / "runs"
    return {f"{run.name}/{name}": (run / name).read_bytes() for run in runs.iterdir() for name in COMPARED}


class Braked:
    """A grid that goes on slowly, so that it can be killed, as soon as so many of its runs are done as the brake says.

    Args:
        results: of the experiment.
        extra: arguments of the command.
    """

    def __init__(self, results: Path, *extra: str) -> None:
        self.results, self.extra, self.brake = results, extra, results / "brake"

    def start(self) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "DELICATE_BRAKE": str(self.brake), "DELICATE_SLEEP": "0.02"}
        return subprocess.Popen(
            command(self.results, *self.extra), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
        )

    def wait_until_under_way(self, process: subprocess.Popen[bytes], done: int) -> None:
        """Until so many runs are done, and another one has made progress since; with the brake on, none ends soon."""
        self.brake.write_text(str(done))
        wait_until(lambda: len(list(self.results.rglob("result.json"))) >= done, f"{done} runs are done", process)
        now = time.time()
        wait_until(lambda: self._has_checkpoint_since(now), "a run has a new checkpoint", process)

    def _has_checkpoint_since(self, moment: float) -> bool:
        return any(stamp > moment for path in self.results.rglob("checkpoint.pt") if (stamp := changed(path)))


def changed(path: Path) -> float:
    """When a file was written; 0 where it is gone meanwhile."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    results = tmp_path_factory.mktemp("uninterrupted")
    subprocess.run(command(results), check=True, capture_output=True)
    return files(results)


@pytest.mark.parametrize("victim", ["launcher", "interrupt"])
def test_a_killed_grid_ends_with_the_same_bytes(tmp_path: Path, uninterrupted: dict[str, bytes], victim: str) -> None:
    choose, grid = random.Random(victim), Braked(tmp_path)
    for done in range(KILLS):
        process = grid.start()
        try:
            grid.wait_until_under_way(process, done)
            time.sleep(choose.uniform(0.0, 0.4))  # to hit any place of a step, an epoch and a checkpoint
            workers = workers_of(process)
            process.send_signal(signal.SIGKILL if victim == "launcher" else signal.SIGINT)
            assert process.wait() == (-signal.SIGKILL if victim == "launcher" else INTERRUPTED)
        finally:
            process.kill()
            process.wait()
        wait_until(partial(are_gone, workers), "the workers have ended after their launcher")
    finish(grid, uninterrupted)


def test_a_grid_whose_workers_are_killed_ends_with_the_same_bytes(
    tmp_path: Path, uninterrupted: dict[str, bytes]
) -> None:
    choose, grid = random.Random("worker"), Braked(tmp_path)
    process = grid.start()
    try:
        for done in range(KILLS):
            grid.wait_until_under_way(process, done)
            time.sleep(choose.uniform(0.0, 0.4))
            os.kill(choose.choice(workers_of(process)), signal.SIGKILL)
        grid.brake.unlink()
        process.wait()
    finally:
        process.kill()
        process.wait()
    finish(grid, uninterrupted)


def test_a_killed_run_with_two_teachers_ends_with_the_same_bytes_and_tables(tmp_path: Path) -> None:
    several, alone = ("--methods", "kd_ensemble", "--jobs", "1"), tmp_path / "alone"
    subprocess.run(command(alone, *several), check=True, capture_output=True)
    grid, teachers = Braked(tmp_path / "killed", *several), 3  # the two, and the student alone
    grid.results.mkdir()
    for _ in range(2):
        process = grid.start()
        try:
            grid.wait_until_under_way(process, teachers)
            (worker,) = workers_of(process)
            process.send_signal(signal.SIGKILL)
            process.wait()
        finally:
            process.kill()
            process.wait()
        wait_until(partial(are_gone, [worker]), "the worker has ended after its launcher")
        (checkpoint,) = grid.results.rglob("checkpoint.pt")
        assert len(json.loads((checkpoint.parent / "spec.json").read_text())["further_teachers"]) == 1
    grid.brake.unlink()
    subprocess.run(command(grid.results, *several), check=True, capture_output=True)
    assert files(grid.results) == files(alone)
    assert tables(grid.results) == tables(alone)


def tables(results: Path) -> dict[str, str]:
    names = ("results.csv", "leaderboard.csv", "leaderboard.md", "comparisons.csv")
    return {name: (results / "killed" / name).read_text() for name in names}


def finish(grid: Braked, uninterrupted: dict[str, bytes]) -> None:
    grid.brake.unlink(missing_ok=True)
    subprocess.run(command(grid.results, "--retry-failed"), check=True, capture_output=True)  # one run may die thrice
    assert files(grid.results) == uninterrupted
    assert not list((grid.results / "killed" / "runs").glob("*/.*.tmp")), "half-written files were left behind"


def test_two_commands_at_once_do_no_run_twice(tmp_path: Path, uninterrupted: dict[str, bytes]) -> None:
    counts = tmp_path / "counts"
    plugin = ["--plugin", str(PLUGINS / "counting.py")]
    arguments = [*command(tmp_path / "results", *plugin, "--methods", f"{METHODS},counted", "--seeds", "3")]
    environment = {**os.environ, "COUNT_FILE": str(counts)}
    both = [
        subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment) for _ in range(2)
    ]
    outputs = [process.communicate()[0].decode() for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert counts.read_text().splitlines() == ["executed"] * 3
    done = files(tmp_path / "results")
    assert {name: done[name] for name in uninterrupted} == uninterrupted
