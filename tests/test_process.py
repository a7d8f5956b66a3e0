"""What only a process of its own shows: how it is started, interrupted, and what its terminal can print."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from waiting import wait_until

DELICATE = Path(__file__).parent / "plugins" / "delicate.py"
QUICK = ["--seeds", "1", "--datasets", "mfeat", "--pairs", "pixels:fourier", "--one-way", "--no-controls"]


def start(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "cmkd_bench", *arguments],
        cwd=folder,
        env={**os.environ, "COLUMNS": "160", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_mistake_ends_the_process_with_code_2_and_one_message(tmp_path: Path) -> None:
    process = start(tmp_path, "run", "--methods", "c2dk")
    printed, complained = process.communicate()
    assert process.returncode == 2
    assert printed == ""
    assert complained.startswith("cmkd-bench: ")
    assert "unknown method 'c2dk'" in complained
    assert "Traceback" not in complained


def test_ctrl_c_ends_a_grid_with_code_130_and_a_checkpoint(tmp_path: Path) -> None:
    brake = tmp_path / "brake"
    brake.touch()
    networks = ["--plugin", str(DELICATE), "model.student=delicate", "model.teacher=delicate"]
    command = ["run", *QUICK, *networks, "--methods", "none", "train.epochs=12", "launcher.checkpoint_seconds=0"]
    process = start(tmp_path, *command, DELICATE_BRAKE=str(brake), DELICATE_SLEEP="0.02")
    try:
        wait_until(lambda: any(tmp_path.rglob("checkpoint.pt")), "a run has a checkpoint", process)
        process.send_signal(signal.SIGINT)
        _, complained = process.communicate()
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Progress is saved" in complained
    assert "Traceback" not in complained
    assert any(tmp_path.rglob("checkpoint.pt"))


def test_a_terminal_without_arrows_gets_question_marks(tmp_path: Path) -> None:
    command = ["run", *QUICK, "--methods", "none", "train.epochs=1"]
    process = start(tmp_path, *command, PYTHONIOENCODING="ascii")
    printed, complained = process.communicate()
    assert process.returncode == 0, complained
    assert "pixels ? fourier" in printed
