"""A command beside a run that another machine works on: it says for whom it waits, and ends when it is told to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import Command
from waiting import wait_until

from cmkd_bench.experiment.files import write_json
from cmkd_bench.experiment.heartbeat import STALE_SECONDS

GRID = ["--datasets", "mfeat", "--pairs", "pixels:fourier", "--one-way", "--no-controls", "--methods", "none"]
COMMAND = ["run", *GRID, "--seeds", "1", "train.epochs=1", "--experiment", "shared"]


@pytest.fixture
def heartbeats(cmkd: Command, tmp_path: Path) -> list[Path]:
    """The files of two runs that are planned and not done."""
    assert cmkd(*COMMAND).returncode == 0
    found = []
    for result in tmp_path.rglob("result.json"):
        result.unlink()
        found.append(result.with_name("heartbeat"))
    return found


def claim(path: Path, age: float = 0.0) -> None:
    started = time.mktime((2026, 1, 31, 15, 4, 0, 0, 0, -1))
    write_json(path, {"host": "n1", "job": "7_3", "epoch": 1, "epochs": 9, "machine": "another", "started": started})
    os.utime(path, (time.time() - age,) * 2)


def test_a_command_says_for_whom_it_waits_and_ends_when_it_is_told_to(heartbeats: list[Path], tmp_path: Path) -> None:
    for path in heartbeats:
        claim(path)
    printed = tmp_path / "printed"
    with printed.open("w") as file:
        arguments = [sys.executable, "-m", "cmkd_bench", *COMMAND]
        process = subprocess.Popen(arguments, cwd=tmp_path, stdout=file, stderr=subprocess.PIPE, text=True)
        try:
            wait_until(lambda: "waiting for" in printed.read_text(), "the command says that it waits", process)
            process.send_signal(signal.SIGINT)
            complained = process.communicate()[1]
        finally:
            process.kill()
    assert process.returncode == 130
    assert complained.splitlines() == [complained.strip()], "one line"
    (line,) = {line for line in printed.read_text().splitlines() if line.startswith("waiting for")}
    assert "n1 (job 7_3) since 2026-01-31 15:04" in line
    assert heartbeats[0].parent.name in line or heartbeats[1].parent.name in line
    assert all(path.exists() for path in heartbeats)


@pytest.mark.parametrize("age", [STALE_SECONDS + 5, -86400.0])
def test_a_dead_heartbeat_is_not_waited_for(heartbeats: list[Path], cmkd: Command, age: float) -> None:
    for path in heartbeats:
        claim(path, age)
    done = cmkd(*COMMAND)
    assert done.returncode == 0, done.stderr
    assert "waiting for" not in done.stdout
    assert not any(path.exists() for path in heartbeats)
