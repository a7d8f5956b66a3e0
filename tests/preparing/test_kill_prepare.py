"""Killed in the middle, preparing goes on; a file that kills its worker is listed and stops nobody."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

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


@pytest.mark.slow
def test_killed_twice_it_ends_with_the_same_bytes(films: Path, tmp_path: Path) -> None:
    (films / "films" / "f004.mp4").unlink()
    subprocess.run(command(films, tmp_path / "whole", 1), check=True, capture_output=True, timeout=300)
    progress = [0]
    for _ in range(2):
        environment = {**os.environ, "FILMED_SECONDS": "0.3"}
        process = subprocess.Popen(command(films, tmp_path / "cut", 2), env=environment, stdout=subprocess.DEVNULL)
        try:
            while there(tmp_path / "cut") < progress[-1] + 4:
                assert process.poll() is None, "it was over before it could be killed: nothing was tested"
                time.sleep(0.02)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        progress.append(there(tmp_path / "cut"))
        assert not list((tmp_path / "cut").rglob("manifest.json"))
    assert 0 < progress[1] < progress[2] < 18
    done = subprocess.run(command(films, tmp_path / "cut", 2), check=True, capture_output=True, text=True, timeout=300)
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
