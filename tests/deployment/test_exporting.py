"""Exported programs: they compute what the student computes, for batches of any size and without this package."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

import cmkd_bench
from cmkd_bench.deployment.student import Student

USAGE = (Path(__file__).parent.parent.parent / "docs" / "usage.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", USAGE, re.DOTALL)
(LOAD,) = [block for block in BLOCKS if ".export(" in block]
(USE,) = [block for block in BLOCKS if "torch.export.load" in block]


def test_the_lines_of_the_documents_export_a_student(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "results").symlink_to(folder / "results")
    monkeypatch.chdir(tmp_path)
    found: dict[str, Any] = {"cmkd_bench": cmkd_bench}
    exec(LOAD, found)
    expected = found["logits"]
    exec(USE, found)
    assert expected.shape == (600, 10)
    assert found["logits"].detach().numpy() == pytest.approx(expected.numpy(), abs=1e-4)
    assert found["classes"] == list("0123456789")
    one = torch.from_numpy(found["rows"][:1]).float()
    assert found["program"](one).detach().numpy() == pytest.approx(expected[:1].numpy(), abs=1e-4)


def test_the_program_of_a_text_takes_token_ids(folder: Path, tmp_path: Path) -> None:
    student = cmkd_bench.load_student(
        "fair", folder / "results", method="kd", dataset="openmoji", student_modality="text"
    )
    student.export(tmp_path / "text.pt2")
    program = torch.export.load(tmp_path / "text.pt2").module()
    data = student.load_data()
    ids = student.encode(data.inputs["text"][data.parts["test"]])
    assert ids.dtype == torch.int64
    saved = load_file(folder / f"results/fair/runs/{student.spec.id}/predictions.safetensors")["logits"]
    assert program(ids).detach().numpy() == pytest.approx(saved.numpy(), abs=1e-4)


class _Undecided(nn.Module):
    """What torch.export cannot take: its path depends on the values."""

    def forward(self, raw: Tensor) -> Tensor:
        return raw if raw.sum() > 0 else -raw


class _Drifting(nn.Module):
    """What computes something else in an exported program."""

    def forward(self, raw: Tensor) -> Tensor:
        return raw + torch.compiler.is_compiling()


@pytest.mark.parametrize(("module", "words"), [(_Undecided(), "torch.export cannot"), (_Drifting(), "up to 1")])
def test_what_cannot_be_exported_leaves_no_file(folder: Path, tmp_path: Path, module: nn.Module, words: str) -> None:
    student = cmkd_bench.load_student(
        "fair", folder / "results", method="kd", dataset="mfeat", student_modality="fourier"
    )
    changed = Student(**{**vars(student), "module": module})
    with pytest.raises(cmkd_bench.UserError, match=words):
        changed.export(tmp_path / "student.pt2")
    assert not list(tmp_path.iterdir())


FORKED = """
import os, sys, torch
from cmkd_bench.deployment.exporting import exported

exported(torch.nn.Linear(3, 2), torch.zeros(4, 3), {})
torch.zeros((), requires_grad=True).backward()
if child := os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
torch.zeros((), requires_grad=True).backward()
"""


@pytest.mark.slow
def test_workers_can_be_forked_after_an_export() -> None:
    assert subprocess.run([sys.executable, "-c", FORKED], check=False).returncode == 0
