"""Digests of syntax trees: comments, docstrings and layout do not count, everything else does."""

from __future__ import annotations

from pathlib import Path

import pytest

from cmkd_bench.experiment.syntax import read_source

TEXT = '''\
"""What it is for."""

from torch.nn import functional as F


class Halved:
    """A class."""

    weight: float = 0.5

    def loss(self, logits, labels, *, note=None):
        """Return the loss."""
        return {"ce": self.weight * F.cross_entropy(logits, labels), f"n{note!r:>{8}}" "x": None}
'''


def digest(folder: Path, text: str) -> str:
    file = folder / "halved.py"
    file.write_text(text, encoding="utf-8")
    return read_source(file, "halved").digest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("weight: float = 0.5\n", "weight: float = 0.5  # a comment\n"),
        ("What it is for", "Something else"),
        ('        """Return the loss."""\n', ""),
        ("self, logits, labels, *, note=None", "\n        self,\n        logits, labels,\n        *, note=None\n    "),
        ("0.5", "0.50"),
    ],
)
def test_what_does_not_count(tmp_path: Path, old: str, new: str) -> None:
    assert old in TEXT
    assert digest(tmp_path, TEXT.replace(old, new)) == digest(tmp_path, TEXT)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("0.5", "0.25"),
        ("0.5", "'0.5'"),
        ("self.weight * F", "self.weight + F"),
        ("logits, labels)", "labels, logits)"),
        ("note=None", "note=0"),
        ("*, note", "note"),
        ("!r", "!s"),
        ("as F", "as G"),
        ("    weight: float = 0.5\n", "    weight: float = 0.5\n    other: float = 0.5\n"),
        ('"ce"', '"cf"'),
    ],
)
def test_what_counts(tmp_path: Path, old: str, new: str) -> None:
    assert old in TEXT
    assert digest(tmp_path, TEXT.replace(old, new)) != digest(tmp_path, TEXT)


def test_the_digest_is_the_same_on_every_python(tmp_path: Path) -> None:
    assert digest(tmp_path, TEXT) == "6891dcc987fc56eb"


def test_a_file_that_is_not_python_counts_by_its_bytes(tmp_path: Path) -> None:
    assert len({digest(tmp_path, text) for text in ("def (:", "def (: ", "", "\0")}) == 4


def test_imports_are_found_wherever_they_stand(tmp_path: Path) -> None:
    (tmp_path / "part.py").write_text(
        "import a.b, c\nfrom d import e, f as g\nfrom . import h\nfrom .i import j\nfrom ..k import *\n"
        "def later():\n    from l import m\ntokenizer = 'n.o:Words'\n"
    )
    assert set(read_source(tmp_path / "part.py", "top.pack.part").imports) == {
        ("a.b", ()),
        ("c", ()),
        ("d", ("e", "f")),
        ("top.pack", ("h",)),
        ("top.pack.i", ("j",)),
        ("top.k", ()),
        ("l", ("m",)),
        ("n.o", ()),
    }
