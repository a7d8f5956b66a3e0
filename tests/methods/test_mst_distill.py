"""MST-Distill: what each phase trains, what a masked teacher is, and the two faults of the released code."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from cmkd_bench.losses import kd_loss
from cmkd_bench.method import Batch, Method, Phase
from cmkd_bench.outputs import Outputs
from cmkd_bench.registry import methods
from cmkd_bench.testing import MethodConformance
from cmkd_bench.testing._case import differing, part_of
from cmkd_bench.testing._tiny_run import DIRECTIONS, RECIPE, TinyRun, build_tiny_run

SAMPLES, CLASSES = 6, 3
LABELS = torch.tensor([0, 1, 2, 0, 1, 2])


class TestMSTDistillOfficialCode(MethodConformance):
    method = "mst_distill"
    hyperparameters = methods.get("mst_distill").presets["official_code"]


def cell(**hyperparameters: Any) -> TinyRun:
    built = build_tiny_run(methods.get("mst_distill"), hyperparameters, DIRECTIONS[0])
    assert not isinstance(built, str), built
    return built


def outputs(width: int, seed: int, head: Any = None) -> Outputs:
    """Outputs with a gradient; the logits are those of the head, if there is one."""
    generator = torch.Generator().manual_seed(seed)
    embedding = torch.randn(SAMPLES, width, generator=generator).requires_grad_()
    logits = torch.randn(SAMPLES, CLASSES, generator=generator).requires_grad_() if head is None else head(embedding)
    return Outputs(logits, embedding)


def given(method: Method[Any]) -> tuple[Outputs, Outputs, Batch]:
    pair = method.pair
    teacher = outputs(pair.teacher.embedding, 1, pair.teacher_head)
    composite = outputs(pair.further_teachers["composite"].embedding, 2, pair.further_heads["composite"])
    batch = Batch(torch.arange(SAMPLES), 1, 1, LABELS, teachers={"composite": composite})
    return outputs(pair.student.embedding, 0), teacher, batch


def phase(method: Method[Any], name: str) -> Phase:
    return next(one for one in method.phases() if one.name == name)


def reached(loss: Tensor, **tensors: Tensor) -> set[str]:
    gradients = torch.autograd.grad(loss, list(tensors.values()), allow_unused=True, retain_graph=True)
    return {name for name, found in zip(tensors, gradients, strict=True) if found is not None and found.any()}


def let_all_through(method: Any) -> None:
    for masks in method.masks.values():
        for mask in masks:
            torch.nn.init.constant_(mask.gate.bias, math.inf)
            torch.nn.init.zeros_(mask.gate.weight)


@pytest.mark.oracle("mst_distill", "the mean of KD from both teachers, with masks of ones and all masks chosen")
def test_with_masks_of_ones_and_all_of_them_chosen_it_is_the_plain_ensemble() -> None:
    method = cell(chosen=4).method
    let_all_through(method)
    student, teacher, batch = given(method)
    found = method(student, teacher, batch)["distillation"].item()
    both = (teacher, batch.teachers["composite"])
    assert found == pytest.approx(sum(kd_loss(student.logits, one.logits, 4.0).item() for one in both) / 2, rel=1e-5)


@pytest.mark.oracle("mst_distill", "KD from the teacher that the router is made to choose")
def test_each_sample_learns_from_the_teacher_that_the_router_chooses() -> None:
    method: Any = cell().method
    let_all_through(method)
    student, teacher, batch = given(method)
    for route, chosen in ((1, teacher), (2, batch.teachers["composite"])):
        torch.nn.init.zeros_(method.router[1].weight)
        with torch.no_grad():
            method.router[1].bias.copy_(torch.eye(4)[route])
        found = method(student, teacher, batch)["distillation"].item()
        assert found == pytest.approx(kd_loss(student.logits, chosen.logits, 4.0).item(), rel=1e-5)


@pytest.mark.oracle("mst_distill", "the masked teachers one by one, by the factors that their masks return")
@pytest.mark.parametrize("stacked", [False, True])
def test_a_masked_teacher_has_its_own_mask_only_unless_stacked(stacked: bool) -> None:
    method: Any = cell(stacked=stacked, chosen=4).method
    student, teacher, batch = given(method)
    expected = []
    for role, one, head in (
        ("teacher", teacher, method.pair.teacher_head),
        ("composite", batch.teachers["composite"], method.pair.further_heads["composite"]),
    ):
        first, second = method.masks[role]
        once = first(one.embedding) * one.embedding
        twice = second(once) * once if stacked else second(one.embedding) * one.embedding
        expected += [kd_loss(student.logits, head(embedding), 4.0).item() for embedding in (once, twice)]
    found = method(student, teacher, batch)["distillation"].item()
    assert found == pytest.approx(sum(expected) / 4, rel=1e-5)


def test_masks_are_always_trained_one_by_one() -> None:
    """The released code removes the hooks in that phase."""
    plain, stacked = (cell(stacked=stacked).method for stacked in (False, True))
    losses = [phase(method, "masks").loss(*given(method))["masks"].item() for method in (plain, stacked)]
    assert losses[0] == losses[1]


def test_the_router_learns_from_distillation_and_the_student_not_from_balance() -> None:
    method: Any = cell().method
    student, teacher, batch = given(method)
    losses = method(student, teacher, batch)
    parts = {"student": student.logits, "router": method.router[0].weight, "mask": method.masks.teacher[0].gate.weight}
    assert reached(losses["distillation"], **parts) == {"student", "router"}
    assert reached(losses["balance"], **parts) == {"router"}


def test_in_the_released_code_only_balance_trains_the_router_and_it_trains_the_student_too() -> None:
    method: Any = cell(**methods.get("mst_distill").presets["official_code"]).method
    student, teacher, batch = given(method)
    losses = method(student, teacher, batch)
    parts = {"student": student.logits, "router": method.router[0].weight}
    assert reached(losses["distillation"], **parts) == {"student"}
    assert reached(losses["balance"], **parts) == {"student", "router"}


def test_the_joint_phase_trains_all_networks_and_the_next_one_only_masks() -> None:
    method: Any = cell().method
    student, teacher, batch = given(method)
    parts = {
        "student": student.logits,
        "teacher": teacher.logits,
        "composite": batch.teachers["composite"].logits,
        "mask": method.masks.composite[1].gate.weight,
    }
    for term in phase(method, "joint").loss(student, teacher, batch).values():
        assert reached(term, **parts) == {"student", "teacher", "composite"}
    (loss,) = phase(method, "masks").loss(student, teacher, batch).values()
    assert reached(loss, **parts) == {"mask"}


def test_teachers_stay_as_they_are_after_the_joint_phase() -> None:
    run = cell(joint_share=0.0, mask_share=0.5)
    before = run.state()
    run.run(RECIPE)
    after = run.state()
    for teacher in ("teacher", "composite"):
        assert not differing(part_of(before, teacher), part_of(after, teacher))


def test_the_student_is_frozen_while_masks_are_trained() -> None:
    run = cell()
    before = run.state()
    run.run(RECIPE, only=phase(run.method, "masks"))
    after = run.state()
    assert not differing(part_of(before, "student"), part_of(after, "student"))
    changed = differing(part_of(before, "method"), part_of(after, "method"))
    assert {name.split(".")[1] for name in changed} == {"masks"}


@pytest.mark.parametrize(
    ("hyperparameters", "words"),
    [
        ({"joint_share": 0.6, "mask_share": 0.6}, "joint_share and mask_share"),
        ({"mask_width": 4}, "mask_width=4"),
        ({"masks": 1, "chosen": 3}, "chosen=3"),
    ],
)
def test_what_does_not_fit_is_refused(hyperparameters: dict[str, Any], words: str) -> None:
    reason = build_tiny_run(methods.get("mst_distill"), hyperparameters, DIRECTIONS[0])
    assert isinstance(reason, str)
    assert words in reason
