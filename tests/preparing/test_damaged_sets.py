"""Damaged files of a prepared set: one message names the file and the command that repairs it, which works."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from command_line import Command

from cmkd_bench.config.roots import DATA_ROOT, PREPARED_ROOT
from cmkd_bench.data.media import integrity

SETTINGS = ("protocol=smoke", "prepare.frames=2", "prepare.height=16", "prepare.width=16", "prepare.seconds=1.0")
PLUGIN = ("--plugin", str(Path(__file__).parent.parent / "plugins" / "filmed.py"))
RUN = (
    *("run", "--methods", "kd", "--datasets", "filmed", "--seeds", "1", "--no-controls", "--one-way", "--jobs", "1"),
    *(*SETTINGS, "model=tiny", *PLUGIN),
)
FILES = ("manifest.json", "samples.json", "still.npy", "still.digests.npy", "still.moments.npy")


def _flip(content: bytes) -> bytes:
    place = len(content) - 5
    return content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :]


KINDS: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda content: content[: len(content) // 2],
    "emptied": lambda content: b"",
    "zeroed": lambda content: bytes(len(content)),
    "flipped": _flip,
    "list": lambda content: b"[]",
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a miniature and its prepared arrays."""
    from cmkd_bench.cli.app import main

    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv(DATA_ROOT, "data")
        patch.setenv(PREPARED_ROOT, "prepared")
        assert main(["fixture", "filmed", "--out", "data", "--clips", "6", *PLUGIN]) == 0
        assert main(["prepare", "filmed", "--jobs", "1", *SETTINGS, *PLUGIN]) == 0
    return folder


@pytest.fixture
def prepared(whole: Path, tmp_path: Path, cmkd: Command, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a copied set."""
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv(DATA_ROOT, "data")
    monkeypatch.setenv(PREPARED_ROOT, "prepared")
    (manifest,) = tmp_path.rglob("manifest.json")
    return manifest.parent


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", FILES)
def test_damage_is_one_message_with_the_command_that_repairs_it(
    cmkd: Command, prepared: Path, name: str, kind: str
) -> None:
    path = prepared / name
    whole = path.read_bytes()
    path.write_bytes(KINDS[kind](whole))
    relative = path.relative_to(Path.cwd())
    said = cmkd(*RUN)
    assert said.returncode == 2
    assert str(relative) in said.stderr
    command = said.stderr.partition("with the same settings: cmkd-bench ")[2].strip()
    assert command == "prepare filmed --force"
    plain = cmkd("prepare", "filmed", "--jobs", "1", *SETTINGS, *PLUGIN)
    assert plain.returncode == 2, "not: nothing to do"
    assert str(relative) in plain.stderr
    checked = cmkd("prepare", "filmed", "--check", *SETTINGS, *PLUGIN)
    assert checked.returncode == (2 if name == "manifest.json" else 3)
    assert name in checked.stdout + checked.stderr
    assert cmkd(*shlex.split(command), "--jobs", "1", *SETTINGS, *PLUGIN).returncode == 0
    assert path.read_bytes() == whole


def test_a_flipped_bit_in_any_row_of_a_small_array_is_found(cmkd: Command, prepared: Path) -> None:
    array = np.load(prepared / "still.npy", mmap_mode="r+")
    array[4, 2, 7, 3] ^= 1
    array.flush()
    said = cmkd(*RUN)
    assert said.returncode == 2
    assert "still.npy was changed: row 4" in said.stderr


def test_of_a_large_array_evenly_spaced_rows_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    array = np.arange(40, dtype=np.uint8).reshape(10, 4)
    digests = np.stack([integrity.digest(row) for row in array])
    shape = {"dtype": "uint8", "shape": [4]}
    read: list[bytes] = []
    own = integrity.digest
    monkeypatch.setattr(integrity, "digest", lambda row: (read.append(row.tobytes()), own(row))[1])
    monkeypatch.setattr(integrity, "CHECKED_BYTES", 16)
    integrity.check_rows(tmp_path / "a.npy", array, digests, shape, "toy")
    assert read == [array[row].tobytes() for row in (0, 3, 6, 9)]


def test_a_manifest_of_an_earlier_version_is_accepted(cmkd: Command, prepared: Path) -> None:
    path = prepared / "manifest.json"
    stored = json.loads(path.read_text())
    del stored["digest"]
    path.write_text(json.dumps(stored))
    assert "nothing to do" in cmkd("prepare", "filmed", "--jobs", "1", *SETTINGS, *PLUGIN).stdout


@pytest.mark.parametrize("name", ["begun.json", "skipped.json"])
def test_an_unfinished_set_is_named_too(cmkd: Command, prepared: Path, name: str) -> None:
    (prepared / "manifest.json").unlink()
    (prepared / name).write_text("[")
    said = cmkd("prepare", "filmed", "--jobs", "1", *SETTINGS, *PLUGIN)
    assert said.returncode == 2
    assert f"{name} is not JSON. Prepare it again, with the same settings: cmkd-bench prepare filmed" in said.stderr


def test_what_a_killed_command_had_begun_to_write_goes(cmkd: Command, prepared: Path) -> None:
    left = prepared / ".skipped.json.host.1.2.tmp"
    left.touch()
    assert cmkd("prepare", "filmed", "--jobs", "1", *SETTINGS, *PLUGIN).returncode == 0
    assert not left.exists()
