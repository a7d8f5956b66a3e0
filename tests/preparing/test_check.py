"""`cmkd-bench check` compares a download with its annotations and the published numbers, and decodes nothing."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import Any

import pytest
from command_line import Command, Done
from faulty_files import break_writing

from cmkd_bench.cli.app import main
from cmkd_bench.config.roots import DATA_ROOT
from cmkd_bench.data.fixtures.encoding import write_lfs_pointer
from cmkd_bench.data.media.catalogue import Official
from cmkd_bench.data.media.preparing.pipeline import prepare_dataset
from cmkd_bench.data.media.preparing.progress import PreparationDisplay
from cmkd_bench.registry import datasets

# of 18 samples, every third is tested, and every sixth validates; every other one is a walk
PUBLISHED = Official(
    {"train+validation": 15, "test": 3},
    {"train+validation": {"rest": 9, "walk": 6}, "test": {"walk": 3}},
)


def rows(text: str) -> dict[tuple[str, str], list[str]]:
    """The numbers of the table, by part and class."""
    cells = [line.split() for line in text.splitlines() if line.endswith("%")]
    return {(part, label): numbers for part, label, *numbers in cells}


@pytest.fixture
def published(
    films: Path, arrays: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """A command that finds the films, of which numbers were published."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(DATA_ROOT, str(films.parent))
    monkeypatch.setattr(datasets.get("filmed"), "official", lambda _: PUBLISHED)

    def call(*arguments: str) -> Done:
        capsys.readouterr()
        return Done(main(arguments), *capsys.readouterr())

    return call


def test_a_complete_copy(published: Command, films: Path) -> None:
    done = published("check", "filmed")
    assert done.returncode == 0, done.stderr
    assert rows(done.stdout) == {
        ("train+validation", "all"): ["15", "15", "0", "0", "15", "100.0", "%"],
        ("test", "all"): ["3", "3", "0", "0", "3", "100.0", "%"],
    }
    assert "still: 18 of 18 files" in done.stdout
    assert "left out: 1 x listed twice" in done.stdout
    assert f"cmkd-bench prepare filmed --root {films}" in done.stdout.splitlines()[-1]
    assert "complete" in published("list", "datasets").stdout


def test_missing_files_by_part_and_class(published: Command, films: Path) -> None:
    (films / "films" / "f001.mp4").unlink()  # a walk in training
    (films / "stills" / "f002.png").unlink()  # rest, in validation
    write_lfs_pointer(films / "stills" / "f005.png")  # a walk in the test part
    (films / "films" / "f005.mp4").write_bytes(b"")
    done = published("check", "filmed")
    assert done.returncode == 4
    assert rows(done.stdout) == {
        ("train+validation", "all"): ["15", "15", "0", "2", "13", "86.7", "%"],
        ("train+validation", "rest"): ["9", "9", "0", "1", "8", "88.9", "%"],
        ("train+validation", "walk"): ["6", "6", "0", "1", "5", "83.3", "%"],
        ("test", "all"): ["3", "3", "0", "1", "2", "66.7", "%"],
        ("test", "walk"): ["3", "3", "0", "1", "2", "66.7", "%"],
    }
    for text in ("16 of 18 files, 1 x missing, 1 x empty file, e.g. films/f001.mp4", "git-lfs pointer", "83.3 %"):
        assert text in done.stdout
    assert done.stdout.splitlines()[-1].startswith("partial: ")
    assert "partial (83.3 %)" in published("list", "datasets").stdout


def test_samples_that_are_not_listed(published: Command, films: Path) -> None:
    lines = (films / "list.csv").read_text().splitlines(keepends=True)
    (films / "list.csv").write_text("".join(lines[:13]))  # 12 samples: 8 + 2 and 2
    done = published("check", "filmed")
    assert done.returncode == 4
    found = rows(done.stdout)
    assert found["train+validation", "all"] == ["15", "10", "0", "5", "10", "66.7", "%"]
    assert found["test", "walk"] == ["3", "2", "0", "1", "2", "66.7", "%"]
    assert "6 published samples are not listed" in done.stdout


def test_annotations_alone(published: Command, films: Path) -> None:
    shutil.rmtree(films / "films")
    done = published("check", "filmed", "--root", str(films.parent))
    assert done.returncode == 3
    assert list(rows(done.stdout)) == [("train+validation", "all"), ("test", "all")]  # classes say nothing more
    assert "0 of 18 files, 18 x missing" in done.stdout
    assert "Ask the tests." in done.stdout.splitlines()[-1]
    (films / "list.csv").write_text("name\n")
    done = published("check", "filmed", "--root", str(films))
    assert done.returncode == 3
    assert "not the official list" in done.stdout


def test_more_than_published_is_a_note(published: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.get("filmed"), "official", lambda _: Official({"train+validation": 14, "test": 3}))
    done = published("check", "filmed")
    assert done.returncode == 0
    assert "note: 15 samples in train+validation, but 14 were published" in done.stdout


def test_a_miniature_is_not_compared_with_the_dataset(published: Command, tmp_path: Path) -> None:
    assert published("fixture", "filmed", "--out", "small", "--clips", "6").returncode == 0
    done = published("check", "filmed", "--root", "small")
    assert done.returncode == 0
    assert rows(done.stdout)["train", "all"] == ["-", "4", "0", "0", "4", "100.0", "%"]
    assert "miniature" in done.stdout


def test_nothing_is_decoded_or_changed(published: Command, films: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a clip was decoded")

    for kind in ("VideoClip", "AudioClip", "ImageClip"):
        monkeypatch.setattr(f"cmkd_bench.data.media.clips.{kind}.decode", refuse)
    before = {path: path.stat().st_mtime_ns for path in films.rglob("*")}
    assert published("check", "filmed").returncode == 0
    assert {path: path.stat().st_mtime_ns for path in films.rglob("*")} == before


def test_tables_say_that_a_copy_lists_fewer_than_published(
    published: Command, films: Path, filmed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets.get("filmed"), "official", lambda _: Official({"train": 20, "test": 3}))
    prepare_dataset(filmed(), films, 1, PreparationDisplay(None))
    shares, same = filmed().load(0).notes
    assert "60.0 % of train (12 of 20)" in shares
    assert "test" not in shares
    assert "split" in same


def test_a_prepared_set_says_what_a_copy_lacks_until_a_check_does(
    published: Command, films: Path, arrays: Path, filmed: Any
) -> None:
    (films / "films" / "f001.mp4").unlink()
    prepare_dataset(filmed(), films, 1, PreparationDisplay(None))
    assert "partial (94.4 %), prepared" in published("list", "datasets").stdout
    (films / "stills" / "f002.png").unlink()
    published("check", "filmed")
    assert "partial (88.8 %), prepared" in published("list", "datasets").stdout
    (arrays / "filmed" / "check.json").write_text("{")
    assert "partial (94.4 %), prepared" in published("list", "datasets").stdout
    shutil.rmtree(arrays)
    assert "found, not checked" in published("list", "datasets").stdout


def test_a_check_needs_no_folder_that_it_can_write(
    published: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_writing(monkeypatch, errno.EROFS, "check.json", tmp_path)
    done = published("check", "filmed")
    assert done.returncode == 0
    assert "not written: " in done.stderr
    assert "check.json" in done.stderr
