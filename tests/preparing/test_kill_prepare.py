"""Killed in the middle, preparing goes on; a file that kills its worker is listed and stops nobody."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from waiting import are_gone, wait_until, workers_of

PLUGIN = Path(__file__).parent.parent / "plugins" / "filmed.py"
SETTINGS = ["prepare.frames=2", "prepare.height=32", "prepare.width=32", "prepare.seconds=1.0"]


def command(films: Path, arrays: Path, jobs: int) -> list[str]:
    place = ["--root", str(films), "--prepared", str(arrays), "--jobs", str(jobs), "--plugin", str(PLUGIN)]
    return [sys.executable, "-m", "cmkd_bench", "prepare", "filmed", *SETTINGS, *place]


def there(arrays: Path) -> int:
    """How many stills are stored so far."""
    found = list(arrays.rglob("still.digests.npy"))
    try:
        return int(np.load(found[0]).any(axis=1).sum()) if found else 0
    except (ValueError, EOFError):  # the file is just being made
        return 0


def contents(arrays: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in arrays.rglob("*") if path.is_file()}


def kill_after_two_stills_each(films: Path, folder: Path) -> None:
    """Prepare by two processes, which the brake stops after two stills each, and kill the command there."""
    brake, enough = folder / "brake", there(folder / "cut") + 4
    brake.write_text("2")
    environment = {**os.environ, "FILMED_BRAKE": str(brake)}
    process = subprocess.Popen(command(films, folder / "cut", 2), env=environment, stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: there(folder / "cut") == enough, "two stills each are stored", process)
        workers = workers_of(process)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        brake.unlink()
    wait_until(lambda: are_gone(workers), "the workers have ended, each with the still that it waited for")


@pytest.mark.kill
def test_killed_twice_it_ends_with_the_same_bytes(films: Path, tmp_path: Path) -> None:
    (films / "films" / "f004.mp4").unlink()
    subprocess.run(command(films, tmp_path / "whole", 1), check=True, capture_output=True)
    for _ in range(2):
        kill_after_two_stills_each(films, tmp_path)
        assert not list((tmp_path / "cut").rglob("manifest.json"))
    done = subprocess.run(command(films, tmp_path / "cut", 2), check=True, capture_output=True, text=True)
    assert "17 of 18 usable" in done.stdout
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")
    assert not list((tmp_path / "cut").rglob(".*.tmp"))


def test_a_file_that_crashes_its_worker_is_listed(
    prepare: Any, filmed: Any, arrays: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FILMED_CRASH", "stills/f006.png")
    report = prepare(workers=2)
    assert report.usable == 17
    lines = (arrays / "filmed" / "skipped.csv").read_text().splitlines()
    assert lines[2:] == ["f006,still,stills/f006.png,the decoder crashed: signal 9"]
    assert 6 not in filmed().load(0).parts["train"]
    monkeypatch.delenv("FILMED_CRASH")
    assert prepare(retry_skipped=True).usable == 18
