"""Ctrl-C at any moment of a command: one line, exit code 130, no traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from waiting import wait_until

SCRIPT = Path(__file__).parent / "held_command.py"
GRID = ["--datasets", "mfeat", "--pairs", "pixels:fourier", "--one-way", "--no-controls", "--methods", "none"]
RUN = ["run", *GRID, "--seeds", "1", "train.epochs=1"]
INTERRUPTED = 130


def start(folder: Path, moment: str, *arguments: str) -> subprocess.Popen[str]:
    """A command in a group of processes of its own, as a terminal starts it."""
    command = [sys.executable, str(SCRIPT), moment, str(folder / "reached"), *arguments]
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


@pytest.mark.parametrize(
    ("moment", "arguments"),
    [
        ("import typer", RUN),  # the first import of a command
        pytest.param("import cmkd_bench.planning.resolve", RUN, marks=pytest.mark.slow),
        pytest.param("import hydra", RUN, marks=pytest.mark.slow),
        pytest.param("import numpy", RUN, marks=pytest.mark.slow),
        ("import torch", RUN),
        ("call cmkd_bench.planning.build:make_plan", RUN),
        pytest.param("call cmkd_bench.experiment.record:add_plan", RUN, marks=pytest.mark.slow),
        ("call cmkd_bench.launch.worker:warm_up", RUN),
        ("call cmkd_bench.report.experiment_tables:write_tables", RUN),
        pytest.param("call cmkd_bench.report.experiment_tables:make_board", RUN, marks=pytest.mark.slow),
        pytest.param("import cmkd_bench.method_pages.render", ["show", "kd", "--fidelity"], marks=pytest.mark.slow),
        ("import cmkd_bench.data.media.media_dataset", ["list", "datasets"]),
        pytest.param("import cmkd_bench.doctor", ["doctor"], marks=pytest.mark.slow),
        pytest.param("import cmkd_bench.studies.preset", ["reproduce"], marks=pytest.mark.slow),
    ],
)
def test_one_line_whenever_it_is_interrupted(tmp_path: Path, moment: str, arguments: list[str]) -> None:
    process = start(tmp_path, moment, *arguments)
    try:
        wait_until((tmp_path / "reached").exists, moment, process)
        os.killpg(process.pid, signal.SIGINT)
        complained = process.communicate()[1]
    finally:
        process.kill()
    assert process.returncode == INTERRUPTED, complained
    (line,) = complained.splitlines()
    assert line.startswith("cmkd-bench: interrupted.")
    assert "rerun the same command" in line


def test_a_second_one_ends_what_has_swallowed_the_first(tmp_path: Path) -> None:
    process = start(tmp_path, "swallow hydra", *RUN)
    try:
        for name in ("reached", "reached.again"):
            wait_until((tmp_path / name).exists, name, process)
            os.killpg(process.pid, signal.SIGINT)
        complained = process.communicate()[1]
    finally:
        process.kill()
    assert process.returncode == INTERRUPTED
    (line,) = complained.splitlines()
    assert line.startswith("cmkd-bench: interrupted.")


@pytest.mark.slow
def test_a_second_one_while_runs_end_their_epochs(tmp_path: Path) -> None:
    """The workers notice that their launcher is gone, and stop after their epochs."""
    brake = tmp_path / "brake"
    brake.touch()
    plugin = str(Path(__file__).parent / "plugins" / "delicate.py")
    networks = ["--plugin", plugin, "model.student=delicate", "model.teacher=delicate"]
    arguments = ["run", *GRID, *networks, "--seeds", "1", "train.epochs=12", "launcher.checkpoint_seconds=0"]
    process = subprocess.Popen(
        [sys.executable, "-m", "cmkd_bench", *arguments],
        cwd=tmp_path,
        env={**os.environ, "DELICATE_BRAKE": str(brake), "DELICATE_SLEEP": "0.5"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        wait_until(lambda: any(tmp_path.rglob("heartbeat")), "a run has begun", process)
        os.killpg(process.pid, signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(2)  # the epoch takes longer
        os.killpg(process.pid, signal.SIGINT)
        process.wait()
        brake.unlink()
        complained = process.communicate()[1]  # ends when the workers have ended
    finally:
        process.kill()
    assert process.returncode == INTERRUPTED
    assert len(complained.splitlines()) == 1, complained
    assert not any(tmp_path.rglob("error.json"))
    again = subprocess.run(
        [sys.executable, "-m", "cmkd_bench", *arguments], cwd=tmp_path, capture_output=True, text=True
    )
    assert again.returncode == 0, again.stderr
