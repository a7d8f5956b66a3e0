"""Faults of the machine while a grid runs: one message, no failure on record, and the same command goes on."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from command_line import Command
from faulty_files import break_locks, break_writing

from cmkd_bench.errors import EnvironmentFault
from cmkd_bench.training.assembly import load_data

Run = Callable[..., pd.DataFrame]
INCOMPLETE = 4
GRID = ["--methods", "kd,dkd", "--datasets", "mfeat", "--pairs", "pixels:fourier", "--one-way", "--no-controls"]
QUICK = [*GRID, "--seeds", "3", "train.epochs=2", "--jobs", "2"]
COMPARED = ("result.json", "history.json", "predictions.safetensors", "student.safetensors")


def files(results: Path) -> dict[str, bytes]:
    runs = [path.parent for path in results.glob("*/runs/*/result.json")]
    return {f"{run.name}/{name}": (run / name).read_bytes() for run in runs for name in COMPARED}


def left_behind(results: Path) -> list[Path]:
    """What a fault must not leave: a failure on record, half-written files, heartbeats."""
    return [path for name in ("error.json", ".*.tmp", "heartbeat") for path in results.rglob(name)]


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=500k", "none", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small disk is not allowed here; the next test puts the same error in")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_stops_a_grid_that_goes_on_once_there_is_room(small_disk: Path, cmkd: Command) -> None:
    results = small_disk / "results"
    full = cmkd("run", *QUICK, "--results", str(results))
    assert full.returncode == INCOMPLETE, full.stderr
    (message,) = full.stderr.splitlines()
    assert message.startswith(f"cmkd-bench: {results}/")
    assert "the disk is full" in message
    assert "Writing it takes " in message
    assert "Runs left: " in message
    assert not left_behind(results)
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    done = cmkd("run", *QUICK, "--results", str(results))
    assert done.returncode == 0, done.stderr
    cmkd("run", *QUICK, "--results", "elsewhere")
    assert len(files(results)) == 12 * len(COMPARED)
    assert files(results) == files(Path("elsewhere"))


@pytest.mark.parametrize(
    ("name", "number", "said"),
    [
        ("checkpoint.pt", errno.ENOSPC, "the disk is full"),
        ("student.safetensors", errno.EDQUOT, "the disk quota is used up"),
        ("result.json", errno.EROFS, "the file system is read-only"),
        ("heartbeat", errno.EACCES, "permission denied"),
        ("lock", errno.EIO, "input/output error"),
    ],
)
def test_a_fault_in_the_middle_of_a_run_is_no_failure_of_it(
    quick_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, number: int, said: str
) -> None:
    switch = tmp_path / "switch"
    switch.touch()
    break_writing(monkeypatch, number, name, switch)
    with pytest.raises(EnvironmentFault, match=said) as caught:
        quick_run(jobs=2)
    assert name in str(caught.value)
    assert caught.value.errno == number
    assert not left_behind(tmp_path / "results")
    switch.unlink()
    assert set(quick_run(jobs=2).status) == {"done"}


def test_locks_that_are_not_there_are_one_message(cmkd: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    break_locks(monkeypatch)
    done = cmkd("run", *QUICK)
    assert done.returncode == INCOMPLETE
    assert "the file system provides no locks" in done.stderr
    assert "cmkd-bench doctor" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_what_a_run_cannot_read_is_no_failure_of_it(
    quick_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/data/array.npy")

    load_data.cache_clear()  # workers are forked, and other tests load the same data in this process
    monkeypatch.setattr("cmkd_bench.training.assembly.DataSpec.open", refuse)
    with pytest.raises(EnvironmentFault, match=r"^/data/array\.npy: permission denied"):
        quick_run()
    assert not left_behind(tmp_path / "results")


def test_an_error_of_a_method_stays_a_failure_of_its_run(quick_run: Run) -> None:
    plugin = Path(__file__).parent.parent / "plugins" / "failing.py"
    frame = quick_run(methods=["raises"], plugins=[plugin]).set_index("method")
    assert frame.loc["raises", "status"] == "failed"
