"""DisCoM-KD: an adversary of both modalities, what each term trains, and what is deployed."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from cmkd_bench.method import HIDDEN
from cmkd_bench.methods.discom_kd import DisCoMKD, _cosine, _reversed
from cmkd_bench.testing._tiny_run import DIRECTIONS, RECIPE, build_tiny_run


@pytest.fixture
def method(toys):
    return toys.method("discom_kd", toys.pair(), width=6)


def both(toys, grad=True):
    return toys.outputs(grad=grad), toys.outputs(width=7, seed=1, grad=grad)


@pytest.mark.oracle("discom_kd", "a discriminator at chance costs log 2, a perfect one nothing, one that errs much")
@pytest.mark.parametrize(("scale", "cost"), [(0.0, math.log(2)), (30.0, 0.0), (-30.0, 30.0)])
def test_the_cost_of_the_adversary(toys, method, scale, cost):
    """The released code charges 5.0 for a perfect discriminator, and 0.69 for chance."""
    student, teacher = both(toys)
    width = method.hyperparameters.width
    for side, branches in enumerate((method.own, method.other)):  # the first feature says which modality it is
        branches.shared = _Marked(width, side)
    with torch.no_grad():
        method.discriminator.weight.zero_()
        method.discriminator.bias.copy_(torch.tensor([scale / 2, -scale / 2]))
        method.discriminator.weight[:, 0] = torch.tensor([-scale, scale])
    losses = method(student, teacher, toys.batch())
    assert losses["adversarial"].item() == pytest.approx(cost, abs=1e-4)


class _Marked(nn.Module):
    def __init__(self, width, side):
        super().__init__()
        self.width, self.side = width, side

    def forward(self, embedding):
        mark = torch.zeros(len(embedding), self.width)
        mark[:, 0] = self.side
        return mark + 0 * embedding.sum()


@pytest.mark.parametrize("term", ["adversarial", "modality", "auxiliary", "orthogonality", "cross_entropy"])
def test_both_modalities_have_a_gradient_of_each_term(toys, method, term):
    student, teacher = both(toys)
    method(student, teacher, toys.batch())[term].backward()
    for outputs in (student, teacher):
        assert outputs.embedding.grad.any()
        assert outputs.embedding.grad.isfinite().all()
        assert outputs.logits.grad is None


@pytest.mark.oracle("discom_kd", "the reversed gradient is -strength times the gradient of the same loss")
@pytest.mark.parametrize("strength", [0.0, 1.0, 2.5])
def test_the_reversed_gradient(toys, strength):
    inputs = torch.randn(5, 3, requires_grad=True)
    weight = torch.randn(2, 3)
    target = torch.tensor([0, 1, 0, 1, 1])
    plain, turned = (
        torch.autograd.grad(F.cross_entropy(given @ weight.T, target), inputs)[0]
        for given in (inputs, _reversed(inputs, strength))
    )
    torch.testing.assert_close(turned, -strength * plain)
    assert torch.equal(_reversed(inputs, 1.0).round(decimals=4), inputs.round(decimals=4))


def test_a_step_of_the_discriminator_improves_it_and_a_step_of_the_features_does_not(toys, method):
    student, teacher = both(toys)
    batch = toys.batch()

    def cost():
        return method(student, teacher, batch)["adversarial"]

    before = cost()
    gradients = torch.autograd.grad(before, [method.discriminator.weight, student.embedding, teacher.embedding])
    with torch.no_grad():
        method.discriminator.weight -= 0.1 * gradients[0]
    assert cost() < before
    with torch.no_grad():
        method.discriminator.weight += 0.1 * gradients[0]
        student.embedding.sub_(0.1 * gradients[1])
        teacher.embedding.sub_(0.1 * gradients[2])
    assert cost() > before


@pytest.mark.parametrize("weight", ["adversarial", "modality", "auxiliary", "orthogonality"])
def test_each_weight_scales_its_term(toys, weight):
    values = [
        toys.method("discom_kd", toys.pair(), width=6, **{f"{weight}_weight": factor})(*both(toys), toys.batch())[
            weight
        ]
        for factor in (1.0, 2.0)
    ]
    assert values[1].item() == pytest.approx(2 * values[0].item())


@pytest.mark.oracle("discom_kd", "the cosine of two rows by hand, 0.6 and 0; finite for rows of zeros")
def test_the_cosine_of_features():
    one = torch.tensor([[1.0, 0.0], [0.0, 2.0]], requires_grad=True)
    assert _cosine(one, torch.tensor([[3.0, 4.0], [1.0, 0.0]])).item() == pytest.approx(0.3)
    zero = torch.zeros(2, 2, requires_grad=True)
    value = _cosine(zero, torch.ones(2, 2))
    value.backward()
    assert value == 0
    assert zero.grad.isfinite().all()


def test_the_own_heads_do_not_reach_the_networks(toys):
    cell = build_tiny_run(DisCoMKD, {"width": 8}, DIRECTIONS[2])
    losses = cell.losses(cell.method.phases()[0], 8)
    losses["peer_head"].backward()
    trained = {name for name, value in cell.teacher.named_parameters() if value.grad is not None}
    assert trained == {"head.weight", "head.bias"}


def test_labels_are_read_by_two_terms_only(toys, method):
    student, teacher = both(toys, grad=False)
    some = dataclasses.replace(toys.batch(), labels_or_none=torch.tensor([0, 1, 2, HIDDEN, HIDDEN, HIDDEN]))
    others = dataclasses.replace(some, labels_or_none=torch.tensor([3, 2, 1, HIDDEN, HIDDEN, HIDDEN]))
    one, other = (method(student, teacher, batch) for batch in (some, others))
    differing = {name for name in one if one[name] != other[name]}
    assert differing == {"cross_entropy", "auxiliary", "peer_head"}


def test_the_deployed_network_is_read_from_shared_and_informative_features():
    cell = build_tiny_run(DisCoMKD, {"width": 8}, DIRECTIONS[2])
    cell.run(dataclasses.replace(RECIPE, epochs=1))
    inputs = cell.train.evaluation_view("points", torch.arange(6))
    deployed = cell.deployed.eval()
    embedding = cell.student.eval()(inputs).embedding
    shared, informative, _ = cell.method.own.split(embedding)
    expected = cell.method.own_classifier(torch.cat([shared, informative], 1))
    torch.testing.assert_close(deployed(inputs).logits, expected)
    assert deployed(inputs).embedding.shape == (6, 16)
