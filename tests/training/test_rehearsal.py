"""Mistakes in methods and networks that are found before training, and that looking for them changes no number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
import torch
from command_line import without_plugins
from safetensors.torch import load_file

from cmkd_bench.config.roots import Roots
from cmkd_bench.experiment.files import read_json
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.registry import load_plugin
from cmkd_bench.training import execution, rehearsal
from cmkd_bench.training.execution import execute
from cmkd_bench.training.training_progress import Stopped

PLUGIN = Path(__file__).parent.parent / "plugins" / "mistaken.py"
Planned = tuple[Experiment, dict[str, str]]


class Unwatched:
    """A watch that may stop a run after an epoch, and notes the epochs."""

    def __init__(self, stop_after: int = 0) -> None:
        self.stop_after, self.done = stop_after, 0

    def epoch(self, done: int, total: int) -> None:
        self.done = done

    def should_stop(self) -> bool:
        return self.done == self.stop_after

    def should_save(self) -> bool:
        return False


@pytest.fixture(autouse=True)
def _as_in_a_new_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(rehearsal, "_rehearsed", set())
    with without_plugins():
        load_plugin(PLUGIN)
        yield


def run_all(planned: Planned) -> dict[str, Unwatched]:
    watches = {}
    for run_id in planned[1]:
        watches[run_id] = Unwatched()
        execute(planned[0], run_id, torch.device("cpu"), watches[run_id], Roots())
    return watches


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("negative_layer", "student_layers() returns -1, but the student has layers 0 to 1"),
        ("layer_beyond", "teacher_layers() returns 99, but the teacher has layers 0 to 1"),
        ("no_gradient", "the loss of phase 'train' has no gradient"),
        ("late_no_gradient", "the loss of phase 'idle' has no gradient"),
        ("only_extras", "no loss has a gradient for the student"),
        ("other_keys", "(cross_entropy, sometimes) than in its first (cross_entropy)"),
        ("vector_loss", "'cross_entropy' must be a tensor with one number"),
    ],
)
def test_a_mistake_is_named_before_the_first_epoch(planned: Callable[..., Planned], method: str, said: str) -> None:
    experiment, methods = found = planned(method, methods=[method])
    watches = run_all(found)
    (run_id,) = (run_id for run_id, name in methods.items() if name == method)
    error = read_json(experiment.run(run_id).error)
    assert error["cause"] == "mistake in a method"
    assert f"method '{method}'" in error["message"]
    assert said in error["message"]
    assert watches[run_id].done == 0


def test_a_network_that_cannot_be_saved_is_named_before_the_first_epoch(planned: Callable[..., Planned]) -> None:
    experiment, methods = found = planned("unsaved", methods=["none"], overrides=("model.student=unsaved",))
    watches = run_all(found)
    messages = [
        read_json(folder.error)["message"] for run_id in methods if (folder := experiment.run(run_id)).error.exists()
    ]
    assert len(messages) == 1
    assert "network 'unsaved': its weights cannot be saved" in messages[0]
    assert sorted(one.done for one in watches.values()) == [0, 2]


def test_a_network_that_uses_weights_twice_is_trained_saved_and_teaches(planned: Callable[..., Planned]) -> None:
    networks = ("model.student=tied", "model.teacher=tied")
    experiment, methods = found = planned("tied", methods=["kd"], overrides=networks)
    run_all(found)
    for run_id in methods:
        weights = load_file(experiment.run(run_id).weights)
        assert torch.equal(weights["one.weight"], weights["other.weight"])
    assert sorted(methods.values()) == ["kd", "none", "none"]


def test_a_rehearsal_changes_no_number(planned: Callable[..., Planned], monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["stateful", "crd", "cmcd", "mfh", "kd_shuffled"]
    rehearsed = planned("rehearsed", methods=names)
    run_all(rehearsed)
    assert len(rehearsal._rehearsed) == len(names) + 1
    monkeypatch.setattr(execution, "rehearse_once", lambda *arguments: None)
    plain = planned("plain", methods=names)
    run_all(plain)
    for run_id in plain[1]:
        one, other = (found[0].run(run_id) for found in (rehearsed, plain))
        for path in ("result", "history", "weights", "predictions"):
            assert getattr(one, path).read_bytes() == getattr(other, path).read_bytes(), plain[1][run_id]


def test_a_rehearsal_leaves_the_random_generator_alone(planned: Callable[..., Planned]) -> None:
    experiment, methods = planned("generator", methods=["none"])
    spec, device = experiment.read_spec(next(iter(methods))), torch.device("cpu")
    before = torch.random.get_rng_state()
    rehearsal.rehearse_once(spec, device, lambda: execution.Run(experiment, spec, device, Roots()).training())
    assert rehearsal._rehearsed
    assert torch.equal(torch.random.get_rng_state(), before)


def test_each_kind_is_rehearsed_once_and_a_resumed_run_not_again(
    planned: Callable[..., Planned], monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[str] = []
    monkeypatch.setattr(rehearsal._Rehearsal, "run", lambda self: counted.append(self._name))
    experiment, methods = planned("counted", methods=["dkd"], one_way=False)
    none = [run_id for run_id, method in methods.items() if method == "none"]
    with pytest.raises(Stopped):
        execute(experiment, none[0], torch.device("cpu"), Unwatched(stop_after=1), Roots())
    assert counted == ["method 'none'"]
    rehearsal._rehearsed.clear()
    execute(experiment, none[0], torch.device("cpu"), Unwatched(), Roots())
    assert counted == ["method 'none'"], "it has a checkpoint"
    for run_id in methods:
        execute(experiment, run_id, torch.device("cpu"), Unwatched(), Roots())
    assert counted == ["method 'none'", "method 'none'", "method 'dkd'"], "once for both directions"


def test_the_command_names_the_method(quick_run: Callable[..., pd.DataFrame]) -> None:
    frame = quick_run(methods=["no_gradient"], plugins=[PLUGIN])
    failed = frame[frame.status == "failed"]
    assert failed.method.tolist() == ["no_gradient"]
    assert "method 'no_gradient'" in failed.error.item()
