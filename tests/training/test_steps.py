"""Phases with several steps: what each trains, adversaries, alternating and bilevel updates, checkpoints."""

from __future__ import annotations

import copy
import dataclasses

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from cmkd_bench.method import Method, Phase, Step
from cmkd_bench.registry import methods
from cmkd_bench.testing import MethodConformance
from cmkd_bench.testing._case import differing, part_of
from cmkd_bench.testing._tiny_run import CPU, DIRECTIONS, RECIPE, build_tiny_run
from cmkd_bench.training.rehearsal import MethodMistake, _Rehearsal
from cmkd_bench.training.seeding import seed_generators

TO_SIGNAL, TO_POINTS = DIRECTIONS[0], DIRECTIONS[2]  # with batch normalization, and without


class Adversary(Method):
    """A discriminator of its own optimizer tells student and teacher apart; the student is trained against it."""

    def __init__(self, hyperparameters, pair):
        super().__init__(hyperparameters, pair)
        self.projection = nn.Linear(pair.student.embedding, pair.teacher.embedding)
        self.discriminator = nn.Linear(pair.teacher.embedding, 1)
        self.constant = nn.Linear(2, 2).requires_grad_(False)

    def phases(self):
        step = Step(self.discriminate, trains={"discriminator"}, rates={"discriminator": 2.0})
        return (Phase("train", self.forward, extras=("projection",), before=(step,)),)

    def discriminate(self, student, teacher, batch):
        ours = self.discriminator(self.projection(student.embedding))
        return {"real": F.softplus(-self.discriminator(teacher.embedding)).mean(), "fake": F.softplus(ours).mean()}

    def forward(self, student, teacher, batch):
        fooled = F.softplus(-self.discriminator(self.projection(student.embedding))).mean()
        return {"cross_entropy": F.cross_entropy(student.logits, batch.labels), "fooled": fooled}


class TakingTurns(Method):
    """The teacher takes a step, then the student."""

    updates_teacher = True

    def phases(self):
        first = Step(self.of_teacher, trains=("teacher",))
        return (Phase("train", self.forward, before=(first,), teacher=False),)

    def of_teacher(self, student, teacher, batch):
        return {"peer": F.cross_entropy(teacher.logits, batch.labels) + F.mse_loss(teacher.logits, student.logits)}

    def forward(self, student, teacher, batch):
        return {
            "cross_entropy": F.cross_entropy(student.logits, batch.labels),
            "peer_too": F.mse_loss(student.logits, teacher.logits),
        }


class Bilevel(Method):
    """Two undone steps, whose weight may be 0."""

    registry_name = "bilevel"
    teacher = "none"
    weight = 3.0

    def phases(self):
        first = Step(self.inner, trains=("student",), undone=True, rates={"student": 5.0})
        second = Step(self.also_inner, trains=("student",), undone=True)
        return (Phase("train", self.forward, before=(first, second)),)

    def inner(self, student, teacher, batch):
        return {"inner": self.weight * student.embedding.square().mean()}

    def also_inner(self, student, teacher, batch):
        return {"also_inner": self.weight * student.logits.square().mean()}

    def forward(self, student, teacher, batch):
        return {"cross_entropy": F.cross_entropy(student.logits, batch.labels)}


class WithoutAnInnerStep(Bilevel):
    weight = 0.0


class _Unregistered(MethodConformance):
    def test_is_registered_under_its_name(self):
        """It is a method of this file alone."""


class TestTakingTurns(_Unregistered):
    method = TakingTurns


class TestBilevel(_Unregistered):
    method = Bilevel


class TestAdversary(_Unregistered):
    method = Adversary

    def test_extras_are_trained(self):
        """The constant is frozen by the method itself."""
        cell = build_tiny_run(Adversary, {}, TO_POINTS)
        before = cell.state()
        cell.run(dataclasses.replace(RECIPE, weight_decay=0.0))
        changed = {name.split(".")[1] for name in differing(part_of(before, "method"), part_of(cell.state(), "method"))}
        assert changed == {"projection", "discriminator"}


def test_the_discriminator_learns_in_its_own_step():
    cell = build_tiny_run(Adversary, {}, TO_POINTS)
    phase = cell.method.phases()[0]
    alone = dataclasses.replace(phase, loss=lambda student, teacher, batch: {"nothing": 0 * student.logits.sum()})
    recipe = dataclasses.replace(RECIPE, epochs=30)
    history = cell.run(recipe, only=alone).progress.history
    assert history[-1]["losses"]["real"] + history[-1]["losses"]["fake"] < 0.8 * (
        history[0]["losses"]["real"] + history[0]["losses"]["fake"]
    )


def test_a_bilevel_step_is_first_order_maml_by_hand():
    """The gradient of cross-entropy at a copy after two steps of gradient descent, applied to the original."""
    cell, recipe = build_tiny_run(Bilevel, {}, TO_POINTS), dataclasses.replace(RECIPE, schedule="constant", epochs=1)
    student, training = copy.deepcopy(cell.student), cell.training(recipe)
    optimizer = torch.optim.AdamW(student.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay)
    for step, seen in enumerate(training.batches.epoch("train", 1)):
        labels, moved = cell.train.labels[seen.index], copy.deepcopy(student).train()
        for rate, loss in ((5.0, lambda out: out.embedding), (1.0, lambda out: out.logits)):
            seed_generators(CPU, cell.seed, "step", "train", 1, step)
            gradients = torch.autograd.grad(
                3.0 * loss(moved(seen.student)).square().mean(), list(moved.parameters()), allow_unused=True
            )
            with torch.no_grad():
                for parameter, gradient in zip(moved.parameters(), gradients, strict=True):
                    if gradient is not None:
                        parameter -= rate * recipe.learning_rate * gradient
        seed_generators(CPU, cell.seed, "step", "train", 1, step)
        gradients = torch.autograd.grad(F.cross_entropy(moved(seen.student).logits, labels), list(moved.parameters()))
        for parameter, gradient in zip(student.parameters(), gradients, strict=True):
            parameter.grad = gradient
        optimizer.step()
    cell.run(recipe)
    for (name, ours), theirs in zip(cell.student.named_parameters(), student.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, msg=name)


@pytest.mark.parametrize("direction", DIRECTIONS, ids=str)
def test_inner_steps_without_weight_change_no_bit(direction):
    cell, alone = build_tiny_run(WithoutAnInnerStep, {}, direction), build_tiny_run(methods.get("none"), {}, direction)
    cell.run()
    alone.run()
    assert not differing(part_of(cell.state(), "student"), part_of(alone.state(), "student"))


def test_only_the_main_step_moves_statistics():
    cell = build_tiny_run(Bilevel, {}, TO_SIGNAL)
    cell.run(dataclasses.replace(RECIPE, epochs=1))
    counts = [value for name, value in cell.student.named_buffers() if name.endswith("num_batches_tracked")]
    assert counts
    assert all(int(count) == 2 for count in counts)  # 16 samples in batches of 8


def test_turns_are_taken_in_order():
    """The student's step sees what the teacher has become, and the teacher what the student was."""
    cell = build_tiny_run(TakingTurns, {}, TO_POINTS)
    seen, method = [], cell.method
    first, main = method.of_teacher, method.forward

    def of_teacher(student, teacher, batch):
        assert not student.logits.requires_grad
        seen.append(("teacher", student.logits.clone(), teacher.logits.detach().clone()))
        return first(student, teacher, batch)

    def forward(student, teacher, batch):
        assert not teacher.logits.requires_grad
        seen.append(("student", student.logits.detach().clone(), teacher.logits.clone()))
        return main(student, teacher, batch)

    method.of_teacher, method.forward = of_teacher, forward
    cell.run(dataclasses.replace(RECIPE, epochs=1))
    assert [who for who, _, _ in seen] == ["teacher", "student"] * 2
    (_, student, teacher), (_, same_student, new_teacher) = seen[:2]
    assert torch.equal(student, same_student)  # also its dropout
    assert not torch.equal(teacher, new_teacher)


def test_rates_are_factors_of_the_schedule():
    cell = build_tiny_run(Adversary, {}, TO_POINTS)
    phase = dataclasses.replace(cell.method.phases()[0], rates={"student": 0.5, "projection": 3.0})
    steps = cell.training().steps(phase)
    steps.set_learning_rate(0.1)
    early, main = ([group["lr"] for group in optimizer.param_groups] for optimizer in steps.all)
    assert early == [0.2]
    assert main == pytest.approx([0.05, 0.3])


def test_a_module_with_a_rate_is_apart_from_the_other_extras():
    cell = build_tiny_run(Adversary, {}, TO_POINTS)
    phase = Phase("train", cell.method.forward, rates={"projection": 3.0})
    groups = cell.training().steps(phase).main.param_groups
    sizes = [sum(p.numel() for p in group["params"]) for group in groups]
    extras = [cell.method.discriminator, cell.method.constant]
    expected = [(cell.student,), extras, [cell.method.projection]]
    assert sizes == [sum(p.numel() for module in modules for p in module.parameters()) for modules in expected]
    assert [group["factor"] for group in groups] == [1, 1, 3]


@pytest.mark.parametrize("where", ["trains", "rates", "extras"])
def test_a_module_that_does_not_exist_is_named(where):
    cell = build_tiny_run(Adversary, {}, TO_POINTS)
    step = Step(cell.method.discriminate, trains={"discriminater"} if where == "trains" else {"discriminator"})
    phase = Phase(
        "train",
        cell.method.forward,
        before=(step,),
        rates={"discriminater": 2.0} if where == "rates" else {},
        extras=("discriminater",) if where == "extras" else True,
    )
    with pytest.raises(ValueError, match=r"'discriminater'.*student, extras, projection, discriminator"):
        cell.training().steps(phase)


def test_terms_of_two_steps_need_different_names():
    cell = build_tiny_run(Bilevel, {}, TO_POINTS)
    cell.method.also_inner = cell.method.inner
    with pytest.raises(MethodMistake, match=r"'train' returns 'inner'"):
        _Rehearsal(cell.training()).run()


class TrainsMoreThanItSays(Adversary):
    def phases(self):
        phase = super().phases()[0]
        return (dataclasses.replace(phase, before=(Step(self.discriminate, trains={"projection", "constant"}),)),)


def test_a_step_that_does_not_train_what_it_says_is_caught():
    case = type("Case", (MethodConformance,), {"method": TrainsMoreThanItSays})()
    with pytest.raises(AssertionError, match=r"\['constant'\]"):
        case.test_each_step_trains_what_it_declares(TO_POINTS)
