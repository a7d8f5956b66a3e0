from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, rel_entr, softmax

from cmkd_bench.method import NetworkShape, Pair
from cmkd_bench.methods.fitnet import FitNet, FitNetParameters
from cmkd_bench.methods.none import StudentOnly
from cmkd_bench.testing._tiny_run import RECIPE, Direction, build_tiny_run

TO_SIGNAL = Direction("vector", "signal")  # the student has three layers and batch statistics


def pooled_to(values, size):
    """Adaptive average pooling: cell i of n is the mean of the positions from floor(iL/n) to ceil((i+1)L/n)."""
    for axis, wanted in enumerate(size, start=2):
        length = values.shape[axis]
        cells = [
            values.take(range(math.floor(i * length / wanted), math.ceil((i + 1) * length / wanted)), axis).mean(axis)
            for i in range(wanted)
        ]
        values = np.stack(cells, axis)
    return values


@pytest.mark.oracle("fitnet", "which layers get a gradient from the hint")
def test_the_hint_trains_up_to_the_guided_layer_and_no_further():
    cell = build_tiny_run(FitNet, {}, TO_SIGNAL)
    (hint, _) = cell.method.phases()
    sum(cell.losses(hint, 8).values()).backward()
    network = cell.student
    for trained in (network.layers[0], network.layers[1], cell.method.regressor):
        assert all(parameter.grad.any() for parameter in trained.parameters())
    for above in (network.layers[2], network.head):
        assert all(parameter.grad is None or not parameter.grad.any() for parameter in above.parameters())


@pytest.mark.oracle("fitnet", "the weights above the guided layer, the same bytes after the hint phase")
def test_training_the_hint_leaves_the_weights_above_as_they_were():
    cell = build_tiny_run(FitNet, {}, TO_SIGNAL)
    before = cell.state()
    cell.run(only=cell.method.phases()[0])
    after = cell.state()
    weights = {f"student.{name}" for name, _ in cell.student.named_parameters()}
    above = {name for name in weights if name.startswith(("student.layers.2", "student.head"))}
    assert {name for name in weights if not torch.equal(before[name], after[name])} == weights - above


@pytest.mark.oracle("fitnet", "the second phase alone, begun with the first's weights: the same bytes")
def test_the_second_phase_starts_from_the_first_and_trains_no_regressor(tmp_path):
    hyperparameters, recipe = {"hint_share": 0.5}, replace(RECIPE, epochs=2)
    whole = build_tiny_run(FitNet, hyperparameters, TO_SIGNAL)
    whole.run(recipe)
    first = build_tiny_run(FitNet, hyperparameters, TO_SIGNAL)
    first.run_until(1, tmp_path / "checkpoint.pt", recipe)
    assert torch.equal(first.method.regressor.weight, whole.method.regressor.weight)
    # the second phase alone, begun with the weights that the first left
    second = build_tiny_run(FitNet, hyperparameters, TO_SIGNAL)
    second.student.load_state_dict(first.student.state_dict())
    second.run(replace(recipe, epochs=1), only=second.method.phases()[1])
    assert not torch.equal(first.student.head.weight, whole.student.head.weight)
    for name, value in whole.student.state_dict().items():
        assert torch.equal(second.student.state_dict()[name], value), name


@pytest.mark.oracle("fitnet", "SciPy's relative entropy times 4, 3.25, 2.5, 1.75, 1")
@pytest.mark.parametrize(("epochs", "weights"), [(5, [4, 3.25, 2.5, 1.75, 1]), (2, [4, 1]), (1, [4])])
def test_the_weight_falls_linearly_from_four_to_one(toys, epochs, weights):
    method = toys.method("fitnet", toys.pair())
    student, teacher = toys.outputs(), toys.outputs(width=7, seed=1)
    target, estimate = (softmax(outputs.logits.double().numpy() / 3, axis=1) for outputs in (teacher, student))
    divergence = rel_entr(target, estimate).sum() / 6
    values = [
        method(student, teacher, toys.batch(epoch=epoch, epochs=epochs))["distillation"].item()
        for epoch in range(1, epochs + 1)
    ]
    assert values == pytest.approx([weight * divergence for weight in weights], rel=1e-5)


@pytest.mark.oracle("fitnet", "100 mean squared errors in NumPy")
def test_the_joint_form_adds_a_hundred_mean_squared_errors(toys):
    method = toys.method("fitnet", toys.pair(), form="joint").double()
    maps = {"student": {0: (5,)}, "teacher": {0: (7,)}}
    student = toys.outputs(width=5, dtype=torch.float64, maps=maps["student"])
    teacher = toys.outputs(width=7, seed=1, dtype=torch.float64, maps=maps["teacher"])
    (phase,) = method.phases()
    batch = toys.batch()
    losses = phase.loss(student, teacher, batch)
    weight, bias = (p.detach().numpy() for p in method.regressor.parameters())
    regressed = student.feature_maps[0].numpy() @ weight.T + bias
    log_p = log_softmax(student.logits.numpy(), axis=1)[range(6), batch.labels]
    assert losses["hint"].item() == pytest.approx(100 * ((regressed - teacher.feature_maps[0].numpy()) ** 2).mean())
    assert losses["cross_entropy"].item() == pytest.approx(-log_p.mean())
    assert losses.keys() == {"hint", "cross_entropy"}


@pytest.mark.oracle("fitnet", "adaptive pooling cell by cell in NumPy")
@pytest.mark.parametrize(
    ("student_map", "teacher_map", "size"),
    [
        ((5, 6), (7, 4), (4,)),
        ((5, 3, 8), (7, 5, 4), (3, 4)),
        ((5, 2, 4, 4), (7, 4, 2, 3), (2, 2, 3)),
        ((5,), (7,), ()),
    ],
)
@pytest.mark.parametrize("geometry", ["spatial", "pooled"])
def test_the_hint_compares_maps_of_a_common_size(toys, geometry, student_map, teacher_map, size):
    pair = toys.pair(student_layers=(student_map,), teacher_layers=(teacher_map,))
    method = toys.method("fitnet", pair, geometry=geometry).double()
    student = toys.outputs(dtype=torch.float64, maps={0: student_map})
    teacher = toys.outputs(seed=1, dtype=torch.float64, maps={0: teacher_map})
    loss = method.hint(student, teacher, toys.batch(labels=False))["hint"].item()
    if geometry == "pooled":
        size = (1,) * len(size)
    guided, hint = (pooled_to(outputs.feature_maps[0].numpy(), size) for outputs in (student, teacher))
    weight, bias = (p.detach().numpy() for p in method.regressor.parameters())
    regressed = np.einsum("td,bd...->bt...", weight, guided) + bias.reshape(-1, *[1] * len(size))
    assert loss == pytest.approx(((regressed - hint) ** 2).mean() / 2, rel=1e-10)


@pytest.mark.parametrize(
    ("depth", "layers", "expected"), [(0.5, 4, 1), (0.5, 3, 1), (0.5, 2, 0), (0.5, 1, 0), (0.0, 4, 0), (1.0, 4, 3)]
)
def test_the_guided_layer_lies_at_a_share_of_the_depth(toys, depth, layers, expected):
    pair = toys.pair(student_layers=((5,),) * layers, teacher_layers=((7,),) * layers)
    method = toys.method("fitnet", pair, depth=depth)
    assert method.student_layers() == method.teacher_layers() == (expected,)


def test_pairs_without_a_common_geometry_are_refused():
    signal, image, linear = (NetworkShape(8, layers) for layers in (((5, 6),), ((5, 6, 6),), ()))
    labels = torch.arange(4)
    spatial, pooled = FitNetParameters(geometry="spatial"), FitNetParameters()
    assert "as many axes" in FitNet.unsupported(spatial, Pair(signal, image, 4, labels))
    assert FitNet.unsupported(pooled, Pair(signal, image, 4, labels)) is None
    for pair in (Pair(linear, image, 4, labels), Pair(signal, linear, 4, labels)):
        assert "hidden layer" in FitNet.unsupported(pooled, pair)


@pytest.mark.parametrize("direction", [TO_SIGNAL, Direction("signal", "vector")], ids=str)
def test_two_phases_without_hint_and_weights_are_the_student_alone(direction):
    silent = {"hint_share": 0.0, "weight_start": 0.0, "weight_end": 0.0}
    cell, alone = build_tiny_run(FitNet, silent, direction), build_tiny_run(StudentOnly, {}, direction)
    cell.run()
    alone.run()
    for name, value in alone.student.state_dict().items():
        assert torch.equal(cell.student.state_dict()[name], value), name
