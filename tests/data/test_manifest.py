"""A manifest changes with the data and the split, and with nothing else."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from cmkd_bench.data import manifest as module
from cmkd_bench.data.manifest import build_manifest, verify
from cmkd_bench.errors import UserError


def test_equal_data_have_equal_hashes_whatever_their_memory_layout(tiny: Any) -> None:
    before = build_manifest(tiny, 0, tiny.load(0))
    tiny.inputs["vector"] = np.asfortranarray(tiny.inputs["vector"]).astype(">f8")
    tiny.inputs["text"] = tiny.inputs["text"].astype("U99")
    assert build_manifest(tiny, 0, tiny.load(0)) == before


@pytest.mark.parametrize("name", ["vector", "image", "text"])
def test_one_changed_value_changes_the_hash_of_its_modality(tiny: Any, name: str) -> None:
    before = build_manifest(tiny, 0, tiny.load(0))
    tiny.inputs[name].flat[0] = tiny.inputs[name].flat[-1]
    after = build_manifest(tiny, 0, tiny.load(0))
    assert [other for other in before.inputs if before.inputs[other] != after.inputs[other]] == [name]
    assert before.split == after.split
    assert before.hash != after.hash


def test_labels_ids_parts_groups_and_fold_are_in_the_hash_of_the_split(tiny: Any) -> None:
    data = tiny.load(0)
    parts = {**data.parts, "train": np.arange(5)}
    changed = [
        (0, dataclasses.replace(data, labels=1 - data.labels)),
        (0, dataclasses.replace(data, sample_ids=data.sample_ids[::-1])),
        (0, dataclasses.replace(data, parts=parts)),
        (0, dataclasses.replace(data, groups=np.arange(12))),
        (1, data),
    ]
    hashes = {build_manifest(tiny, fold, other).split for fold, other in [(0, data), *changed]}
    assert len(hashes) == 6


def test_only_data_with_committed_hashes_are_verified(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def hashes() -> dict[str, str]:
        manifest = build_manifest(tiny, 0, tiny.load(0))
        return {"split": manifest.split, **manifest.inputs}

    committed = hashes()
    verify(tiny, 0, {**committed, "image": "unknown"})
    monkeypatch.setattr(module, "_committed", lambda: {"tiny/0": committed})
    verify(tiny, 0, hashes())
    tiny.inputs["image"][0] = 0
    with pytest.raises(UserError, match="dataset 'tiny', fold 0: image differs"):
        verify(tiny, 0, hashes())
