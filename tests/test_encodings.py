"""Terminals and pipes that cannot show every character: replaced characters, never an error."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cmkd_bench.terminal import Terminal

GRID = ["--datasets", "mfeat", "--pairs", "pixels:fourier", "--one-way", "--no-controls", "--methods", "kd"]
ENCODINGS = ["ascii", "latin-1"]


def call(folder: Path, encoding: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "COLUMNS": "160"}
    command = [sys.executable, "-m", "cmkd_bench", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True)


@pytest.fixture(scope="module", params=ENCODINGS)
def finished(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with an experiment that was run where output has that encoding."""
    folder = tmp_path_factory.mktemp(request.param)
    done = call(folder, request.param, "run", *GRID, "--seeds", "2", "train.epochs=1")
    assert done.returncode == 0, done.stderr
    assert b"pixels ? fourier" in done.stdout
    return folder, request.param


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["leaderboard"], 0),
        (["leaderboard", "--format", "markdown"], 0),
        (["leaderboard", "--format", "latex"], 0),
        (["status"], 0),
        (["report"], 0),
        (["list", "datasets"], 0),
        (["show", "c2kd"], 0),
        (["show", "c2kd", "--fidelity"], 0),
        (["doctor"], None),  # depends on the machine
        (["run", "--methods", "→\u20ac"], 2),
        (["reproduce"], 0),
    ],
)
def test_every_command_prints_in_any_encoding(
    finished: tuple[Path, str], arguments: list[str], code: int | None
) -> None:
    folder, encoding = finished
    done = call(folder, encoding, *arguments)
    assert done.returncode == code or code is None, done.stderr
    assert b"Traceback" not in done.stderr
    assert done.stdout.decode(encoding) or done.stderr.decode(encoding)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_console_of_a_program_prints_in_any_encoding(encoding: str) -> None:
    """A program that calls `cmkd_bench.run` decides itself what its standard output does about errors."""
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, write_through=True)
    Terminal(file=file, width=80).print("a → b")
    assert raw.getvalue() == b"a ? b\n"


def test_a_reader_who_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    arguments = [sys.executable, "-m", "cmkd_bench", "list", "datasets"]
    process = subprocess.Popen(arguments, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.wait()
