"""A dataset's folder is known by its marks, wherever an archive put it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cmkd_bench.config.roots import DATA_ROOT, PREPARED_ROOT, Roots
from cmkd_bench.data.media.location import Download, find_root, search
from cmkd_bench.errors import UserError

FILMED = Download("filmed", "Filmed", ("films/*.mp4|films/*.avi", "list.csv"), "Ask the tests.", ("CC0",))


def make(folder: Path) -> Path:
    (folder / "films").mkdir(parents=True)
    (folder / "films" / "a.mp4").touch()
    (folder / "list.csv").touch()
    return folder


@pytest.mark.parametrize("place", ["Filmed", "filmed", ".", "Filmed/Filmed", "filmed/Filmed"])
def test_below_the_data_root(tmp_path: Path, place: str) -> None:
    folder = make(tmp_path / place)
    assert find_root(FILMED, tmp_path) == folder


def test_the_given_folder_alone_is_looked_at(tmp_path: Path) -> None:
    make(tmp_path / "Filmed")
    other = make(tmp_path / "elsewhere" / "Filmed")
    assert find_root(FILMED, tmp_path, tmp_path / "elsewhere") == other
    assert find_root(FILMED, tmp_path, other) == other
    with pytest.raises(UserError, match="'filmed' was not found"):
        find_root(FILMED, tmp_path, tmp_path / "nowhere")


def test_a_folder_that_lacks_a_mark_is_not_taken(tmp_path: Path) -> None:
    folder = make(tmp_path / "Filmed")
    (folder / "films" / "a.mp4").unlink()
    assert search(FILMED, tmp_path).root is None
    with pytest.raises(UserError) as caught:
        find_root(FILMED, tmp_path)
    message = str(caught.value)
    assert f"Searched: {folder}, {folder / 'Filmed'}, {tmp_path / 'filmed'}" in message
    assert "missing: films/*." in message
    assert "Ask the tests. License: CC0." in message
    assert "cmkd-bench prepare filmed --root DIR" in message
    assert "cmkd-bench fixture filmed --out DIR" in message


def test_nothing_is_set() -> None:
    with pytest.raises(UserError, match="CMKD_DATA_ROOT is not set"):
        find_root(FILMED, None)


def test_what_is_given_wins_over_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATA_ROOT, str(tmp_path / "before"))
    monkeypatch.setenv(PREPARED_ROOT, "")
    monkeypatch.chdir(tmp_path)
    assert Roots.read() == Roots(tmp_path / "before", Path("prepared"), None)
    given = Roots.read(tmp_path / "data", tmp_path / "arrays", "weights")
    assert given == Roots(tmp_path / "data", tmp_path / "arrays", Path("weights"))
    there = Roots.from_json(given.to_json())
    assert there == Roots(tmp_path / "data", tmp_path / "arrays", tmp_path / "weights"), "a job starts elsewhere"
