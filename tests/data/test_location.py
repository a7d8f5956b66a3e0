"""A dataset's folder is known by its marks, wherever an archive put it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cmkd_bench.data.media.location import DATA_ROOT, PREPARED_ROOT, find_root, prepared_root, search, use_roots
from cmkd_bench.errors import UserError
from cmkd_bench.registry import datasets, load_plugin

load_plugin(Path(__file__).parent.parent / "plugins" / "filmed.py")
FILMED: Any = datasets.get("filmed")


def make(folder: Path) -> Path:
    (folder / "films").mkdir(parents=True)
    (folder / "films" / "a.mp4").touch()
    (folder / "list.csv").touch()
    return folder


@pytest.mark.parametrize("place", ["Filmed", "filmed", ".", "Filmed/Filmed", "filmed/Filmed"])
def test_below_the_data_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.setenv(DATA_ROOT, str(tmp_path))
    folder = make(tmp_path / place)
    assert find_root(FILMED) == folder


def test_the_given_folder_alone_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATA_ROOT, str(tmp_path))
    make(tmp_path / "Filmed")
    other = make(tmp_path / "elsewhere" / "Filmed")
    assert find_root(FILMED, tmp_path / "elsewhere") == other
    assert find_root(FILMED, other) == other
    with pytest.raises(UserError, match="is not found"):
        find_root(FILMED, tmp_path / "nowhere")


def test_a_folder_that_lacks_a_mark_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATA_ROOT, str(tmp_path))
    folder = make(tmp_path / "Filmed")
    (folder / "films" / "a.mp4").unlink()
    assert search(FILMED).root is None
    with pytest.raises(UserError) as caught:
        find_root(FILMED)
    message = str(caught.value)
    assert f"Looked in: {folder}, {folder / 'Filmed'}, {tmp_path / 'filmed'}" in message
    assert "missing: films/*." in message
    assert "Ask the tests. Licence: CC0." in message
    assert "cmkd-bench prepare filmed --root DIR" in message
    assert "cmkd-bench fixture filmed --out DIR" in message


def test_nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DATA_ROOT, raising=False)
    with pytest.raises(UserError, match="nowhere: CMKD_DATA_ROOT is not set"):
        find_root(FILMED)


def test_roots_of_the_command_line_reach_other_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATA_ROOT, "before")
    monkeypatch.setenv(PREPARED_ROOT, "")
    assert prepared_root() == Path("prepared")
    use_roots(None, tmp_path / "arrays")
    assert prepared_root() == tmp_path / "arrays"
    make(tmp_path / "data" / "Filmed")
    use_roots(tmp_path / "data", None)
    assert find_root(FILMED) == tmp_path / "data" / "Filmed"
