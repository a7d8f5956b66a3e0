"""Contrast between two views of one modality, and a teacher that is trained by it."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import paper_fixture as given
import pytest
import torch

from cmkd_bench.losses import nt_xent
from cmkd_bench.planning.build import make_plan
from cmkd_bench.planning.request import GridOptions
from cmkd_bench.planning.resolve import resolve


def in_loops(a, b, temperature):
    views = [*a.tolist(), *b.tolist()]

    def similarity(one, other):
        dot = sum(x * y for x, y in zip(one, other, strict=True))
        return dot / math.sqrt(sum(x * x for x in one) * sum(y * y for y in other)) / temperature

    total = 0.0
    for i, one in enumerate(views):
        partner = (i + len(a)) % len(views)
        others = [math.exp(similarity(one, views[j])) for j in range(len(views)) if j != i]
        total += math.log(sum(others)) - similarity(one, views[partner])
    return total / len(views)


@pytest.mark.oracle("nt_xent", "loops over all pairs of views, in plain Python")
@pytest.mark.parametrize("temperature", [0.1, 0.5, 1.0])
def test_nt_xent_in_loops(temperature):
    a, b = given.WIDE_STUDENT_EMBEDDING, given.TEACHER_EMBEDDING
    assert nt_xent(a, b, temperature).item() == pytest.approx(in_loops(a, b, temperature), rel=1e-9)
    assert nt_xent(b, a, temperature).item() == pytest.approx(nt_xent(a, b, temperature).item(), rel=1e-12)


@pytest.mark.oracle("nt_xent", "its value where all views are equal: the logarithm of the number of other views")
def test_nt_xent_of_equal_views():
    equal = torch.ones(4, 3, requires_grad=True)
    found = nt_xent(equal, equal, 0.2)
    assert found.item() == pytest.approx(math.log(7), rel=1e-6)
    found.backward()
    assert equal.grad.isfinite().all()
    assert nt_xent(torch.zeros(1, 3), torch.ones(1, 3), 0.5).item() == 0


def test_both_views_are_trained_in_the_label_free_phase(toys):
    method = toys.method("simclr", toys.pair())
    weak, strong = toys.outputs(seed=0, grad=True), toys.outputs(seed=1, grad=True)
    contrast, train = method.phases()
    assert (contrast.labels, contrast.views, train.views, train.trains) == (False, True, False, "head")
    batch = dataclasses.replace(toys.batch(labels=False), further=((strong, strong.detach()),))
    contrast.loss(weak, weak.detach(), batch)["contrast"].backward()
    assert weak.embedding.grad.any()
    assert strong.embedding.grad.any()


def plan_of(*overrides, **options):
    arguments = {"datasets": ["mfeat"], "pairs": ["pixels:fourier"], "seeds": 1, "controls": False, "one_way": True}
    return make_plan(resolve(GridOptions(results=Path("unused"), overrides=overrides, **{**arguments, **options})))


def test_the_source_of_cmcd_is_trained_with_or_without_labels():
    for source, by in (("supervised", "none"), ("contrastive", "simclr")):
        plan = plan_of(f"method.cmcd.source={source}", methods=["cmcd"])
        (cell,) = [cell for cell in plan.cells.values() if cell.method == "cmcd"]
        teacher = plan.specs[plan.specs[cell.run_id].teacher]
        assert (teacher.method, teacher.student_modality, teacher.teacher) == (by, "pixels", None)
        assert plan.specs[cell.teacher_id].method == "none"  # the teacher's row is the same for all methods


def test_a_source_that_cannot_be_trained_makes_the_cell_impossible():
    plan = plan_of("method.cmcd.source=contrastive", "model.teacher=linear", methods=["cmcd"])
    (cell,) = [cell for cell in plan.cells.values() if cell.method == "cmcd"]
    assert "simclr" in cell.impossible
    assert "simclr" not in {spec.method for spec in plan.specs.values()}


def test_only_runs_with_several_views_depend_on_the_settings_of_strong_views():
    plans = [plan_of(*overrides, methods=["kd", "crld"]) for overrides in ((), ("strong.noise=0.7",))]
    ids = [{spec.method: spec.id for spec in plan.specs.values()} for plan in plans]
    assert ids[0]["kd"] == ids[1]["kd"]
    assert ids[0]["none"] == ids[1]["none"]
    assert ids[0]["crld"] != ids[1]["crld"]
    conditions = [plan.conditions["mfeat"].get("strong.noise") for plan in plans]
    assert conditions == [0.2, 0.7]
    assert "strong.noise" not in plan_of(methods=["kd"]).conditions["mfeat"]
    (note,) = [note for note in plans[0].notes["mfeat"] if "views" in note]
    assert "crld" in note
    assert "kd" not in note.replace("crld", "")
