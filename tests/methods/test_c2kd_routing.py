"""Which term trains what. In the released code the proxies read the last layer but one, in the paper the last one."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cmkd_bench.method import NetworkShape, Pair
from cmkd_bench.methods import c2kd
from cmkd_bench.network import Features, Network
from cmkd_bench.testing._tiny_run import Direction, build_tiny_run

# T and S are the two networks, z their logits, p those of their proxies; `a -> b` trains b towards a.
CODE = {
    "CE_T": {"first_T", "second_T", "head_T"},
    "CE_S": {"first_S", "second_S", "head_S"},
    "z_T -> p_T": {"first_T", "proxy_T"},
    "p_T -> z_T": {"first_T", "second_T", "head_T"},
    "z_S -> p_S": {"first_S", "proxy_S"},
    "p_S -> z_S": {"first_S", "second_S", "head_S"},
    "NT p_T -> p_S": {"first_S", "proxy_S"},
    "NT p_S -> p_T": {"first_T", "proxy_T"},
}
# With the tap at the top only the head lies above it.
PAPER = {
    term: parts | {f"second_{part[-1]}" for part in parts if part.startswith("proxy")} for term, parts in CODE.items()
}


class Toy(Network):
    def __init__(self, size):
        super().__init__()
        self.first, self.second, self.head = nn.Linear(size, 6), nn.Linear(6, 5), nn.Linear(5, 4)

    def features(self, inputs):
        first = self.first(inputs).tanh()
        second = self.second(first).tanh()
        return Features(second, (first, second))


@pytest.fixture
def recorded(monkeypatch):
    """All calls of the two divergences: (what is trained, its target, value)."""
    calls = {"mutual_kl": [], "mutual_nontarget_kl": []}

    def recording(name, function):
        def record(one, other, *args):
            to_other, to_one = function(one, other, *args)
            calls[name] += [(other, one, to_other), (one, other, to_one)]
            return to_other, to_one

        return record

    for name in calls:
        monkeypatch.setattr(c2kd, name, recording(name, getattr(c2kd, name)))
    return calls


def terms_of(method, student, teacher, batch, recorded):
    """The eight terms by name, recognised by the very tensors they were computed from."""
    proxies = {}
    for side in ("student", "teacher"):
        hook = getattr(method, f"{side}_proxy").register_forward_hook
        hook(lambda module, inputs, logits, side=side: proxies.update({side: logits}))
    losses = method(student, teacher, batch)
    names = {
        id(student.logits): "z_S",
        id(teacher.logits): "z_T",
        id(proxies["student"]): "p_S",
        id(proxies["teacher"]): "p_T",
    }
    terms = {"CE_S": losses["cross_entropy"], "CE_T": losses["teacher_cross_entropy"]}
    for function, prefix in (("mutual_kl", ""), ("mutual_nontarget_kl", "NT ")):
        for trained, target, value in recorded[function]:
            terms[f"{prefix}{names[id(target)]} -> {names[id(trained)]}"] = value
    total = sum(losses.values()).item()
    assert sum(terms.values()).item() == pytest.approx(total, rel=1e-6), "the terms are not the whole loss"
    return terms


@pytest.mark.oracle(
    "c2kd", "a table of what each of the eight terms trains, by automatic differentiation, for both taps"
)
@pytest.mark.parametrize(("tap", "table"), [("stage", CODE), ("pooled", PAPER)])
def test_each_term_trains_its_second_argument_alone(toys, recorded, tap, table):
    torch.manual_seed(0)
    networks = {"S": Toy(3), "T": Toy(8)}
    shape = NetworkShape(5, ((6,), (5,)))
    method = toys.method("c2kd", Pair(shape, shape, 4, torch.arange(20) % 4), proxy_tap=tap, krc_threshold=-1.0)
    parts = {
        f"{part}_{side}": list(getattr(network, part).parameters())
        for side, network in networks.items()
        for part in ("first", "second", "head")
    }
    parts |= {
        "proxy_S": list(method.student_proxy.parameters()),
        "proxy_T": list(method.teacher_proxy.parameters()),
    }
    outputs = [networks[side](torch.randn(10, size), (0, 1)) for side, size in (("S", 3), ("T", 8))]
    terms = terms_of(method, *outputs, toys.batch(10), recorded)
    routes = {}
    for term, value in terms.items():
        routes[term] = set()
        for part, parameters in parts.items():
            gradients = torch.autograd.grad(value, parameters, retain_graph=True, allow_unused=True)
            if any(gradient is not None and gradient.any() for gradient in gradients):
                routes[term].add(part)
    assert routes == table


def test_the_teacher_is_trained_with_its_batch_statistics():
    cell = build_tiny_run(c2kd.C2KD, {}, Direction("signal", "vector"))
    before = cell.state()
    cell.run()
    after = cell.state()
    teacher = [name for name in before if name.startswith("teacher.")]
    assert any("running_mean" in name for name in teacher)
    assert not [name for name in teacher if torch.equal(before[name], after[name])]
