"""Writing files so that a power failure loses nothing, and reading them with one message for whatever is wrong."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from cmkd_bench.experiment.damage import Damaged
from cmkd_bench.experiment.files import read_json, write_bytes, write_json
from cmkd_bench.experiment.sealed import check_file, read_sealed, seal_of, write_sealed
from cmkd_bench.training.checkpoint import load_checkpoint, save_checkpoint

CPU = torch.device("cpu")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is flushed and renamed, in order."""
    found: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def flush(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        found.append(f"fsync {'folder' if path.is_dir() else path.stat().st_size}")
        fsync(descriptor)

    def rename(self: Path, target: Path) -> Path:
        found.append(f"rename {target.name}")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", flush)
    monkeypatch.setattr(Path, "replace", rename)
    return found


def test_a_record_is_flushed_before_its_rename_and_the_folder_after(calls: list[str], tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", [1])
    assert calls == ["fsync 7", "rename a.json", "fsync folder"]


def test_a_checkpoint_is_flushed_too(calls: list[str], tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "c.pt", "abc", {})
    size = (tmp_path / "c.pt").stat().st_size
    assert calls == [f"fsync {size}", "rename c.pt", "fsync folder"]


def test_what_can_be_made_again_is_not_flushed(calls: list[str], tmp_path: Path) -> None:
    write_bytes(tmp_path / "plot.png", b"1")
    assert calls == ["rename plot.png"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (bytes(7), "contains only zeros"),
        (b'{"a": 1', "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"[" * 100_000, "contains lists and objects nested more than 32 deep"),
        (b"[]", "contains a list, not an object"),
        (b"null", "contains null, not an object"),
        (b"3", "contains a number, not an object"),
        (b"{}", "has no digest of its content"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(Damaged) as caught:
        read_sealed(path, repair="Do this.")
    assert str(caught.value) == f"{path} {reason}. Do this."


def test_what_was_sealed_is_read(tmp_path: Path) -> None:
    values = {"value": 0.1, "text": "ü\u2028", "nothing": None, "nested": {"b": [1, 2.5]}, "run_id": "x"}
    write_sealed(tmp_path / "a.json", values)
    assert read_sealed(tmp_path / "a.json", "x") == values
    write_sealed(tmp_path / "b.json", read_json(tmp_path / "a.json"))
    assert (tmp_path / "b.json").read_bytes() == (tmp_path / "a.json").read_bytes(), "a digest does not digest itself"
    with pytest.raises(Damaged, match=r"belongs to run x"):
        read_sealed(tmp_path / "a.json", "y")


def test_a_file_is_compared_with_its_seal(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.write_bytes(b"abc")
    seal = seal_of(path)
    assert seal == {"bytes": 3, "blake2b": "cf4ab791c62b8d2b2109c90275287816"}, "b2sum -l 128"
    check_file(path, seal)
    path.write_bytes(b"abd")
    check_file(path, seal, read=False)
    with pytest.raises(Damaged, match="does not match its digest"):
        check_file(path, seal)
    path.write_bytes(b"ab")
    with pytest.raises(Damaged, match="has 2 bytes instead of 3"):
        check_file(path, seal, read=False)


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda content: b"",
    "half": lambda content: content[: len(content) // 2],
    "longer": lambda content: content + b"\0",
    "trailer": lambda content: content[:-1] + bytes([content[-1] ^ 1]),
    **{f"bit {place}": lambda content, place=place: _flip(content, place) for place in (0.1, 0.3, 0.5, 0.7, 0.9)},
}


def _flip(content: bytes, share: float) -> bytes:
    place = int(share * len(content))
    return content[:place] + bytes([content[place] ^ 16]) + content[place + 1 :]


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_checkpoint_is_not_loaded(tmp_path: Path, change: str) -> None:
    path = tmp_path / "checkpoint.pt"
    state = {"student": {"weight": torch.arange(1000.0)}, "progress": {"epoch": 3, "history": [{"phase": "train"}]}}
    save_checkpoint(path, "abc", state)
    loaded = load_checkpoint(path, "abc", CPU)
    assert torch.equal(loaded["student"]["weight"], state["student"]["weight"])
    assert loaded["progress"] == state["progress"]
    path.write_bytes(CHANGES[change](path.read_bytes()))
    with pytest.raises(Damaged, match=r"checkpoint\.pt "):
        load_checkpoint(path, "abc", CPU)


def test_the_checkpoint_of_another_run_is_not_loaded(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "c.pt", "abc", {})
    with pytest.raises(Damaged, match="belongs to run abc"):
        load_checkpoint(tmp_path / "c.pt", "abd", CPU)
