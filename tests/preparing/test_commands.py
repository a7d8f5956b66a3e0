"""`prepare`, `fixture` and `list datasets` on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from cmkd_bench.cli.app import app
from cmkd_bench.config.roots import DATA_ROOT, PREPARED_ROOT
from cmkd_bench.errors import UserError

SETTINGS = ["prepare.frames=2", "prepare.height=16", "prepare.width=16", "prepare.seconds=1.0", "prepare.mels=20"]


@pytest.fixture
def cmkd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A command in an empty folder: its exit code and what it prints; a user's mistake is raised."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(DATA_ROOT, "")
    monkeypatch.setenv(PREPARED_ROOT, "")

    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, list(arguments), catch_exceptions=True)
        if isinstance(result.exception, UserError):
            raise result.exception
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, " ".join(result.output.split())

    return run


def test_from_a_miniature_to_a_checked_set(cmkd: Any, tmp_path: Path) -> None:
    code, said = cmkd("fixture", "filmed", "--out", "data", "--clips", "6")
    assert code == 0
    assert "CMKD_DATA_ROOT=data cmkd-bench prepare filmed" in said
    assert len(list((tmp_path / "data" / "Filmed" / "films").iterdir())) == 6

    prepare = ["prepare", "filmed", "--root", "data", "--jobs", "1", *SETTINGS]
    code, said = cmkd(*prepare)
    assert code == 0
    assert "filmed (miniature): prepared in" in said
    assert "6 of 6 usable" in said
    assert "1 x listed twice" in said
    (stills,) = (tmp_path / "prepared").rglob("still.npy")
    assert np.load(stills).shape == (6, 3, 16, 16)
    assert "nothing to do, everything is prepared" in cmkd(*prepare)[1]
    assert cmkd(*prepare, "--check") == (0, "filmed: every row matches the manifest.")

    array = np.load(stills, mmap_mode="r+")
    array[2, 1, 3, 4] ^= 1
    array.flush()
    code, said = cmkd(*prepare, "--check")
    assert code == 3
    assert "filmed: differences from the manifest (1): - still.npy, row 2: f002" in said
    assert "--force" in said
    assert "prepared in" in cmkd(*prepare, "--force")[1]
    assert cmkd(*prepare, "--check")[0] == 0


def test_the_listing_says_where_a_dataset_is(cmkd: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert "filmed not found 2 video, audio, still, text" in cmkd("list", "datasets")[1]
    _, said = cmkd("list", "datasets", "filmed")
    assert "found no (CMKD_DATA_ROOT is not set; expected: list.csv, films/*)" in said
    assert "prepared no (cmkd-bench prepare filmed --root DIR)" in said
    assert "obtain Ask the tests." in said
    cmkd("fixture", "filmed", "--out", "d", "--clips", "6")
    monkeypatch.setenv(DATA_ROOT, "d")
    cmkd("prepare", "filmed", *SETTINGS)
    assert "filmed miniature, prepared 2" in cmkd("list", "datasets")[1]
    _, said = cmkd("list", "datasets", "filmed")
    for text in ("found d/Filmed", "prepared 1 set in prepared/filmed obtain", "license CC0"):
        assert text in said


def test_a_miniature_overwrites_nothing(cmkd: Any, tmp_path: Path) -> None:
    (tmp_path / "data" / "Filmed").mkdir(parents=True)
    (tmp_path / "data" / "Filmed" / "mine.txt").touch()
    with pytest.raises(UserError, match="is not empty"):
        cmkd("fixture", "filmed", "--out", "data")
    assert [path.name for path in (tmp_path / "data" / "Filmed").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["prepare", "filmd"], "unknown dataset 'filmd'. Did you mean 'filmed'?"),
        (["prepare", "mfeat"], "dataset 'mfeat' is not read from media files"),
        (["check", "mfeat"], "dataset 'mfeat' is not read from media files"),
        (["check", "filmed"], "dataset 'filmed' was not found"),
        (["check", "dataset.filmed.note=x"], "check: no dataset given"),
        (["check", "filmed", "dataset.filmed.notes=x"], "Did you mean 'dataset.filmed.note'?"),
        (["list", "methods", "kd"], "cmkd-bench show kd"),
        (["list", "datasets", "filmd"], "Did you mean 'filmed'?"),
        (["fixture", "watch", "--out", "x"], "dataset 'watch' is not read from media files"),
        (["prepare", "prepare.frames=3"], "no dataset given"),
        (["prepare", "filmed"], "dataset 'filmed' was not found"),
        (["prepare", "filmed", "prepare.frame=3"], "Did you mean 'prepare.frames'?"),
        (["prepare", "filmed", "prepare.frames=0"], "prepare.frames=0: must be at least 1"),
        (["prepare", "filmed", "dataset.filmed.notes=x"], "Did you mean 'dataset.filmed.note'?"),
        (["prepare", "filmed", "--check"], "'filmed' is not prepared"),
    ],
)
def test_mistakes_are_one_message(cmkd: Any, arguments: list[str], message: str) -> None:
    with pytest.raises(UserError) as caught:
        cmkd(*arguments)
    assert message in str(caught.value)
