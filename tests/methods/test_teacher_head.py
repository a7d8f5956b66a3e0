"""The teacher's head as a function, and networks that deploy more than the student: SRRL, SimKD."""

from __future__ import annotations

import copy
import dataclasses

import paper_fixture as given
import pytest
import torch
from torch import nn

from cmkd_bench.method import Head, Method, NetworkShape, Pair
from cmkd_bench.methods.simkd import SimKD
from cmkd_bench.network import Extended
from cmkd_bench.outputs import Outputs
from cmkd_bench.testing import MethodConformance
from cmkd_bench.testing._tiny_run import DIRECTIONS, build_tiny_run


@pytest.fixture
def pair(toys):
    """Three features on both sides, as in the arrays of the fixture; the teacher's head is exact for them."""
    pair = toys.pair(student=3, teacher=3)
    head = nn.Linear(3, 4, dtype=torch.float64).requires_grad_(False)
    with torch.no_grad():
        head.weight.copy_(torch.linalg.solve(given.TEACHER_EMBEDDING, given.TEACHER).T)
        head.bias.zero_()
    return dataclasses.replace(pair, teacher_head_or_none=Head(head))


def outputs(embedding, logits, grad=False):
    return Outputs(logits.clone().requires_grad_(grad), embedding.clone().requires_grad_(grad))


@pytest.mark.parametrize("module", [nn.Linear(3, 4), nn.Conv2d(3, 4, 1), nn.Linear(3, 4, bias=False)])
def test_a_head_is_what_its_module_computes(module):
    head, rows = Head(module), torch.randn(5, 3)
    expected = module(rows[:, :, None, None]).flatten(1) if isinstance(module, nn.Conv2d) else module(rows)
    torch.testing.assert_close(head(rows), expected)
    assert head(rows.bfloat16()).dtype == torch.float32
    with torch.no_grad():
        module.weight.zero_()
    expected = torch.zeros(5, 4) if head.bias is None else head.bias.expand(5, 4)
    torch.testing.assert_close(head(rows), expected)  # it is no copy


def test_a_pair_without_a_teacher_has_no_head():
    shape = NetworkShape(3, ())
    with pytest.raises(RuntimeError, match="teacher='none'"):
        _ = Pair(shape, shape, 4, torch.zeros(2, dtype=torch.int64)).teacher_head


@pytest.mark.oracle("srrl", "the mean squared error of the fixture's embeddings, 1/3, and of logits by hand")
def test_srrl_without_a_projection_on_the_fixture(toys, pair):
    method = toys.method("srrl", pair, logit_weight=0.0, weight=1.0).double()
    method.projection = nn.Identity()
    student = outputs(given.WIDE_STUDENT_EMBEDDING, given.STUDENT, grad=True)
    teacher = outputs(given.TEACHER_EMBEDDING, given.TEACHER)
    losses = method(student, teacher, toys.batch(3))
    assert losses["cross_entropy"].item() == pytest.approx(1.2838590677)
    assert losses["features"].item() == pytest.approx(0.3333333333)
    weight = pair.teacher_head.weight
    read = given.WIDE_STUDENT_EMBEDDING @ weight.T - given.TEACHER
    assert losses["regression"].item() == pytest.approx(sum(float(x) ** 2 for x in read.flatten()) / 12)
    losses["regression"].backward()
    assert student.embedding.grad.any()
    assert weight.grad is None


@pytest.mark.oracle("srrl", "equal features: both errors are 0; KD at a temperature of 4, 0.5045256418")
def test_srrl_has_its_minimum_at_equal_features(toys, pair):
    method = toys.method("srrl", pair).double()
    method.projection = nn.Identity()
    teacher = outputs(given.TEACHER_EMBEDDING, given.TEACHER)
    losses = method(outputs(given.TEACHER_EMBEDDING, given.STUDENT), teacher, toys.batch(3))
    assert losses["features"].item() == 0
    assert losses["regression"].item() == pytest.approx(0, abs=1e-25)
    assert losses["distillation"].item() == pytest.approx(0.5045256418)


@pytest.mark.parametrize("name", ["srrl", "simkd"])
def test_dead_channels_and_constant_rows_have_finite_gradients(toys, pair, name):
    method = toys.method(name, toys.pair(student=3, teacher=3, classes=2)).float()
    student = Outputs(torch.zeros(4, 2, requires_grad=True), torch.zeros(4, 3, requires_grad=True))
    losses = method(student, Outputs(torch.zeros(4, 2), torch.zeros(4, 3)), toys.batch(4, classes=2))
    torch.stack(list(losses.values())).sum().backward()
    assert student.embedding.grad.isfinite().all()
    assert all(value.isfinite() for value in losses.values())


@pytest.mark.oracle("simkd", "the mean squared error of the fixture's embeddings, 1/3")
def test_simkd_on_the_fixture_trains_no_head(toys, pair):
    method = toys.method("simkd", pair, weight=1.0)
    method.projection = nn.Identity()
    student = outputs(given.WIDE_STUDENT_EMBEDDING, given.STUDENT, grad=True)
    losses = method(student, outputs(given.TEACHER_EMBEDDING, given.TEACHER), toys.batch(3, labels=False))
    assert losses["features"].item() == pytest.approx(0.3333333333)
    losses["features"].backward()
    assert student.logits.grad is None
    assert student.embedding.grad.any()


@pytest.mark.oracle("simkd", "equal embeddings: the logits are those of the teacher")
def test_simkd_deploys_the_projection_and_the_head_of_the_teacher():
    cell = build_tiny_run(SimKD, {}, DIRECTIONS[2])
    names = {name.partition(".")[0] for name, _ in cell.deployed.named_parameters()}
    assert names == {"body", "neck", "head"}
    own = sum(p.numel() for p in cell.student.parameters()) - sum(p.numel() for p in cell.student.head.parameters())
    used = [*cell.method.projection.parameters(), *cell.teacher.head.parameters()]
    assert sum(p.numel() for p in cell.deployed.parameters()) == own + sum(p.numel() for p in used)
    teacher = cell.teacher.eval()(cell.train.evaluation_view("vector", torch.arange(5)))
    exact = Extended(copy.copy(cell.student), _Constant(teacher.embedding), cell.teacher.head).eval()
    inputs = cell.train.evaluation_view("points", torch.arange(5))
    assert torch.equal(exact(inputs).logits, teacher.logits)


class _Constant(nn.Module):
    """Returns the teacher's embedding for any other."""

    def __init__(self, embedding):
        super().__init__()
        self.embedding = embedding

    def forward(self, inputs):
        return self.embedding


def test_simkd_refuses_a_target_that_its_relu_cannot_reach(toys, pair):
    student, teacher = toys.outputs(width=3), toys.outputs(width=3, seed=1)
    with pytest.raises(ValueError, match=r"output=linear"):
        toys.method("simkd", pair)(student, teacher, toys.batch(labels=False))
    method = toys.method("simkd", pair, output="linear")
    assert method(student, teacher, toys.batch(labels=False))["features"].isfinite()
    assert isinstance(method.projection[-1], nn.BatchNorm1d)
    assert "output=linear" in SimKD.unsupported(
        SimKD.HyperParameters(), dataclasses.replace(pair, teacher=NetworkShape(3, ()))
    )


@pytest.mark.parametrize("narrowing", [1, 2])
def test_simkd_narrows_its_projection(toys, narrowing):
    method = toys.method("simkd", toys.pair(student=5, teacher=8), narrowing=narrowing)
    shapes = [tuple(layer.weight.shape) for layer in method.projection if isinstance(layer, nn.Linear)]
    inner = 8 // narrowing
    assert shapes == [(inner, 5), (inner, inner), (8, inner)]


class DeploysACopy(SimKD):
    def deployed(self, student):
        return copy.deepcopy(super().deployed(student))


class DeploysALayerOfItsOwn(Method):
    teacher = "none"

    def forward(self, student, teacher, batch):
        return {"loss": nn.functional.cross_entropy(student.logits, batch.labels)}

    def deployed(self, student):
        width = self.pair.student.embedding
        return Extended(student, nn.Linear(width, width), student.head)


@pytest.mark.parametrize("broken", [DeploysACopy, DeploysALayerOfItsOwn])
def test_what_is_deployed_must_be_what_was_trained(broken):
    case = type("Case", (MethodConformance,), {"method": broken})()
    with pytest.raises(AssertionError, match="copies or creates"):
        case.test_what_is_deployed_is_selected_and_can_be_loaded(DIRECTIONS[2])
