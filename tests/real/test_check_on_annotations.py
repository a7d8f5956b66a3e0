"""`cmkd-bench check` on the official annotations without any media: every list is complete, every file is missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import Command

# by dataset: published, left out on purpose, by part
EXPECTED = {
    "ave": {"train": (3339, 20), "validation": (402, 0), "test": (402, 0)},
    "cremad": {"train+validation+test": (7442, 4)},
    "crisismmd": {"train": (6126, 0), "validation": (998, 0), "test": (955, 0)},
    "ravdess": {"train": (960, 0), "validation": (240, 0), "test": (240, 0)},
    # the list of scenes lacks 40 images; published are 4845 and 4659 images of the 19 scenes
    "sunrgbd": {"train+validation": (5285, 438), "test": (5050, 390)},
    "vggsound": {"train+validation": (183_730, 7), "test": (15_446, 0)},
}


@pytest.mark.parametrize(
    "name", [pytest.param(one, marks=[pytest.mark.slow] * (one == "vggsound")) for one in EXPECTED]
)
def test_lists_are_complete_and_media_are_missing(name: str, cmkd: Command, laid_out: Callable[[str], Path]) -> None:
    root = laid_out(name)
    done = cmkd("check", name, "--root", str(root))
    assert done.returncode == 3, done.stderr
    lines = [line.split() for line in done.stdout.splitlines() if line.endswith("%")]
    assert {part: tuple(map(int, numbers[:5])) for part, label, *numbers in lines if label == "all"} == {
        part: (published, published, left_out, published - left_out, 0)
        for part, (published, left_out) in EXPECTED[name].items()
    }
    assert len(lines) == len(EXPECTED[name])  # no class differs from the published numbers
    total = sum(published - left_out for published, left_out in EXPECTED[name].values())
    assert f"all are listed; 0 of {total} samples (0.0 %)" in done.stdout.splitlines()[-1]
    assert "missing, e.g. " in done.stdout


def test_the_folder_above_will_do(cmkd: Command, real_files: Path) -> None:
    done = cmkd("check", "ave,cremad", "--root", str(real_files))
    assert done.returncode == 3
    assert str(real_files / "ave") in done.stdout
    assert "7442" in done.stdout


def test_what_cannot_be_read_is_said(cmkd: Command, real_files: Path) -> None:
    done = cmkd("check", "nyudv2", "--root", str(real_files / "nyudv2"))
    assert done.returncode == 3
    assert "nyu_depth_v2_labeled.mat" in done.stdout
