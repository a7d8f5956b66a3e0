"""What holds for every embedded dataset and fold: the contract, the hashes, the files."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from cmkd_bench.data.loading import prepare
from cmkd_bench.data.manifest import COMMITTED, build_manifest
from cmkd_bench.data.splits import check_parts
from cmkd_bench.dataset import Dataset, PairedData
from cmkd_bench.parameters import NoParameters
from cmkd_bench.registry import datasets

FOLDS = {"gaussian": 100, "mfeat": 1, "openmoji": 1, "watch": 5}
CASES = [pytest.param(name, fold, id=f"{name}-{fold}") for name, folds in FOLDS.items() for fold in range(folds)]


@pytest.mark.parametrize(("name", "fold"), CASES)
def test_a_fold_keeps_the_contract(name: str, fold: int) -> None:
    kind = datasets.get(name)
    dataset = kind(kind.Options())
    data = dataset.load(fold)
    assert dataset.folds == FOLDS[name]
    assert data.labels.dtype == np.int64
    assert set(data.inputs) == {modality.name for modality in dataset.modalities}
    assert len(np.unique(data.sample_ids)) == len(data.labels)
    check_parts(name, data.parts, len(data.labels), data.groups)
    for rows in data.parts.values():
        assert set(data.labels[rows]) == set(range(len(dataset.classes)))


@pytest.mark.parametrize(("name", "fold"), CASES)
def test_a_fold_is_the_published_one(name: str, fold: int) -> None:
    kind = datasets.get(name)
    dataset = kind(kind.Options())
    manifest = build_manifest(dataset, fold, dataset.load(fold))
    committed = json.loads(COMMITTED.read_text(encoding="utf-8"))
    assert {"split": manifest.split, **manifest.inputs} == committed[f"{name}/{fold}"]


@pytest.mark.parametrize("name", FOLDS)
def test_prepared_inputs_are_what_a_network_takes(name: str) -> None:
    kind = datasets.get(name)
    data = prepare(kind(kind.Options()), 0)
    for modality in kind.modalities:
        inputs = data.inputs[modality.name]
        assert inputs.dtype == (np.int64 if modality.kind == "text" else np.float32)
        assert inputs.ndim == {"vector": 2, "signal": 3, "image": 4, "text": 2}[modality.kind]
        assert np.isfinite(inputs).all()


@pytest.mark.parametrize("name", FOLDS)
def test_a_dataset_says_where_it_comes_from_and_what_to_run(name: str) -> None:
    kind = datasets.get(name)
    names = {modality.name for modality in kind.modalities}
    assert kind.sources
    assert kind.default_pairs
    assert all(set(pair) <= names for pair in kind.default_pairs)
    assert datasets.summary(name).endswith(".")


def test_committed_hashes_are_of_these_folds_and_no_others() -> None:
    committed = json.loads(COMMITTED.read_text(encoding="utf-8"))
    assert sorted(committed) == sorted(f"{name}/{fold}" for name, folds in FOLDS.items() for fold in range(folds))


def test_files_are_small_hashed_and_hold_no_pickle() -> None:
    files = sorted(COMMITTED.parent.glob("*.npz"))
    assert sum(file.stat().st_size for file in files) < 8 * 2**20
    sums = (COMMITTED.parent / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    assert sums == [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}" for file in files]
    for file in files:
        with np.load(file, allow_pickle=False) as arrays:
            assert all(arrays[name].dtype.kind in "uifU" for name in arrays)


def test_nothing_imports_torch() -> None:
    code = (
        "import sys; from cmkd_bench.registry import datasets; import cmkd_bench.data.loading; "
        "[datasets.get(name) for name in ('gaussian', 'mfeat', 'openmoji', 'watch')]; "
        "sys.exit('torch' in sys.modules or 'scipy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode == 0


def test_a_subclass_may_set_its_options_itself() -> None:
    @dataclass(frozen=True)
    class Own:
        size: int = 3

    class Base(Dataset[NoParameters]):
        def load(self, fold: int) -> PairedData:
            raise NotImplementedError

    class Derived(Base):
        Options = Own

    assert Derived.Options is Own
    assert Base.Options is NoParameters
