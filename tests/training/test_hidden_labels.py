"""Hidden labels stay hidden in whole runs, in memory banks, in segmentation, and where the epoch is selected."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from cmkd_bench.config.roots import Roots
from cmkd_bench.experiment.files import read_json
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.method import HIDDEN, Batch
from cmkd_bench.outputs import Outputs
from cmkd_bench.training import assembly
from cmkd_bench.training.execution import execute
from cmkd_bench.training.labelled import labelled_rows
from cmkd_bench.training.segmentation import as_positions
from cmkd_bench.training.tensors import Part, Resident
from cmkd_bench.training.vectorized import execute_vectorized
from cmkd_bench.training.views import HIDDEN_MAP

CPU = torch.device("cpu")


class Quiet:
    """A watch that stops nothing."""

    def epoch(self, done: int, total: int) -> None: ...

    def should_stop(self) -> bool:
        return False

    def should_save(self) -> bool:
        return False


def run_all(experiment: Experiment, run_ids: dict[str, str]) -> dict[str, dict[str, torch.Tensor]]:
    """Execute all runs; the weights by run id."""
    for run_id in run_ids:
        execute(experiment, run_id, CPU, Quiet(), Roots.read())
        assert not experiment.run(run_id).error.exists(), read_json(experiment.run(run_id).error)
    return {run_id: load_file(experiment.run(run_id).weights) for run_id in run_ids}


def permute_hidden(monkeypatch: pytest.MonkeyPatch, labels: float) -> None:
    """Let runs read data whose hidden training labels are permuted."""
    load = assembly.load_data

    def permuted(*arguments: Any) -> Any:
        data = load(*arguments)
        train = data.parts["train"]
        visible = np.zeros(len(train), bool)
        visible[labelled_rows(data.labels[train], labels, 0)] = True
        changed = data.labels.copy()
        changed[train[~visible]] = np.random.default_rng(0).permutation(changed[train[~visible]])
        assert not np.array_equal(changed, data.labels)
        return dataclasses.replace(data, labels=changed)

    def rows_for(spec: Any, part: str, of_part: np.ndarray, groups: Any) -> np.ndarray:
        # The draw is by class, so it is taken from the labels as they are.
        data = load(assembly.data_of(spec), spec.manifest, Roots.read())
        return labelled_rows(data.labels[data.parts[part]], spec.labels, spec.seed, part)

    monkeypatch.setattr(assembly, "load_data", permuted)
    monkeypatch.setattr(assembly, "rows_for", rows_for)


def test_permuting_hidden_labels_changes_no_bit_of_any_method(planned: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = run_all(*planned("plain", labels=0.05))
    permute_hidden(monkeypatch, 0.05)
    permuted = run_all(*planned("permuted", labels=0.05))
    assert plain.keys() == permuted.keys()
    for run_id, weights in plain.items():
        assert all(torch.equal(value, permuted[run_id][name]) for name, value in weights.items()), run_id


def test_permuting_visible_labels_does_change_runs(planned: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = run_all(*planned("plain", labels=0.05, methods=["kd"]))
    permute_hidden(monkeypatch, 0.001)
    permuted = run_all(*planned("permuted", labels=0.05, methods=["kd"]))
    assert any(not torch.equal(plain[i]["head.weight"], permuted[i]["head.weight"]) for i in plain)


@pytest.mark.parametrize(
    ("overrides", "selected"),
    [
        ((), 200),
        (("supervision.select_labels=same",), 10),
        (("train.select_on=train",), 60),
        (("train.select_on=last",), None),
    ],
)
def test_a_result_says_how_many_labels_it_read(planned: Any, overrides: tuple[str, ...], selected: int | None) -> None:
    experiment, run_ids = planned("counted", labels=0.05, methods=["none"], overrides=overrides)
    run_all(experiment, run_ids)
    results = [read_json(experiment.run(run_id).result) for run_id in run_ids]
    assert {(one["train_labels"], one["selection_labels"]) for one in results} == {(60, selected)}


def test_runs_with_scarce_labels_are_not_trained_as_one(planned: Any) -> None:
    given = ("train.select_on=last", "train.batch_size=10000")
    few, ids = planned("full-batch", labels=0.05, methods=["none"], overrides=given)
    assert execute_vectorized([few], [next(iter(ids))], CPU, Roots.read()) == "labels or pairs are scarce"


def maps() -> Part:
    values = torch.tensor([[[0, 255], [1, 1]], [[2, 2], [255, 0]]], dtype=torch.uint8)
    return Part({}, torch.zeros(2, dtype=torch.int64), {}, Resident(values))


def test_the_label_map_of_a_hidden_image_is_hidden_with_what_it_ignores() -> None:
    hidden = maps().hide(torch.tensor([0]))
    assert hidden.labels.tolist() == [0, HIDDEN]
    assert hidden.targets is not None
    seen = hidden.targets.stored(torch.tensor([1, 0]))
    assert (seen[0] == HIDDEN_MAP).all()
    assert seen[1].tolist() == [[0, 255], [1, 1]]


def test_every_position_of_a_hidden_image_is_a_row_without_a_label() -> None:
    targets = maps().hide(torch.tensor([0])).targets
    assert targets is not None
    positions = torch.randn(2, 3, 2, 2)
    outputs = Outputs(torch.randn(2, 4, 2, 2), positions.mean((2, 3)), positions=positions)
    batch = Batch(torch.arange(2), 1, 1, torch.tensor([0, HIDDEN]))
    rows, _, seen = as_positions(outputs, outputs, batch, targets.stored(torch.arange(2)), None)
    assert seen.labels.tolist() == [0, 1, 1, *[HIDDEN] * 4]
    assert seen.sample is not None
    assert seen.sample.tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert len(rows.logits) == 7
