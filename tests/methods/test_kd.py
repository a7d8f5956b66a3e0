"""KD, its two controls, label smoothing, and the student alone."""

from __future__ import annotations

import math

import pytest
import torch

from cmkd_bench.methods.kd import KD
from cmkd_bench.methods.kd_random import RandomTeacherKD
from cmkd_bench.methods.kd_self import SelfKD
from cmkd_bench.methods.kd_shuffled import ShuffledKD
from cmkd_bench.methods.none import StudentOnly
from cmkd_bench.outputs import Outputs
from cmkd_bench.registry import methods
from cmkd_bench.testing._tiny_run import Direction, build_tiny_run

EMBEDDING = torch.zeros(1, 1)
P = (0.7, 0.2, 0.1)


def outputs(*probabilities, temperature=1.0):
    """One sample whose softmax at the temperature is the given one."""
    return Outputs(temperature * torch.tensor([probabilities], dtype=torch.float64).log(), EMBEDDING)


def losses_of(toys, name, student, teacher, **hyperparameters):
    method = toys.method(name, toys.pair(), **hyperparameters)
    return {name: value.item() for name, value in method(student, teacher, toys.batch(1)).items()}


@pytest.mark.oracle("kd", "one sample of two classes by hand, at the defaults")
@pytest.mark.parametrize("name", ["kd", "kd_random", "kd_self", "kd_shuffled"])
def test_kd_weighs_labels_against_the_softened_teacher(toys, name):
    student, teacher = outputs(0.5, 0.5, temperature=4), outputs(0.75, 0.25, temperature=4)
    losses = losses_of(toys, name, student, teacher)
    divergence = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    # defaults: alpha 0.9, temperature 4
    assert losses == pytest.approx({"cross_entropy": 0.1 * math.log(2), "distillation": 0.9 * 16 * divergence})


@pytest.mark.oracle("kd", "one sample of two classes by hand, at other values")
def test_kd_takes_its_weight_and_temperature(toys):
    student, teacher = outputs(0.5, 0.5, temperature=2), outputs(0.75, 0.25, temperature=2)
    losses = losses_of(toys, "kd", student, teacher, alpha=0.25, temperature=2.0)
    divergence = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    assert losses == pytest.approx({"cross_entropy": 0.75 * math.log(2), "distillation": 0.25 * 4 * divergence})


@pytest.mark.oracle("kd", "torch's KLDivLoss with its default reduction, for the preset `mfh`")
def test_the_loss_of_the_modality_focusing_hypothesis_is_torchs_with_its_default_reduction(toys):
    student, teacher = toys.outputs(), toys.outputs(seed=1)
    method = toys.method("kd", toys.pair(), **KD.presets["mfh"])
    losses = method(student, teacher, toys.batch())
    with pytest.warns(UserWarning, match="reduction: 'mean'"):
        expected = torch.nn.KLDivLoss()(student.logits.log_softmax(1), teacher.logits.softmax(1))
    assert losses["distillation"].item() == pytest.approx(expected.item(), rel=1e-6)
    labels = torch.nn.CrossEntropyLoss()(student.logits, toys.batch().labels)
    assert losses["cross_entropy"].item() == pytest.approx(labels.item(), rel=1e-6)


@pytest.mark.oracle("label_smoothing", "one sample of three classes by hand")
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_label_smoothing_mixes_the_label_with_all_classes(toys, smoothing):
    uniform = -sum(map(math.log, P)) / 3
    expected = (1 - smoothing) * -math.log(0.7) + smoothing * uniform
    losses = losses_of(toys, "label_smoothing", outputs(*P), outputs(*P), smoothing=smoothing)
    assert losses == pytest.approx({"cross_entropy": expected})


@pytest.mark.oracle("none", "one sample of three classes by hand")
def test_the_student_alone_has_cross_entropy_and_nothing_else(toys):
    assert losses_of(toys, "none", outputs(*P), outputs(*P)) == pytest.approx({"cross_entropy": -math.log(0.7)})


def test_the_controls_differ_from_kd_in_what_the_teacher_is():
    declared = {cls.registry_name: (cls.teacher, cls.pairing) for cls in (KD, RandomTeacherKD, SelfKD, ShuffledKD)}
    assert declared == {
        "kd": ("trained", "paired"),
        "kd_random": ("untrained", "paired"),
        "kd_self": ("self", "paired"),
        "kd_shuffled": ("trained", "shuffled"),
    }
    roles = {
        name: methods.get(name).role
        for name in ("kd", "kd_random", "kd_self", "kd_shuffled", "label_smoothing", "none")
    }
    assert set(roles.values()) == {"method", "control", "baseline"}
    assert [name for name, role in roles.items() if role == "control"] == [
        "kd_random",
        "kd_self",
        "kd_shuffled",
        "label_smoothing",
    ]


def seen_teacher_logits(cls, seed=0):
    """Index -> the teacher's logits that the method got for it, over all epochs; and the network's own for each."""
    cell = build_tiny_run(cls, {}, Direction("signal", "vector"), seed=seed)
    forward, seen = cell.method.forward, {}

    def recording(student, teacher, batch):
        for row, index in enumerate(batch.index.tolist()):
            seen.setdefault(index, []).append(teacher.logits[row].clone())
        return forward(student, teacher, batch)

    cell.method.forward = recording
    cell.run()
    return seen, cell.teacher.eval()(cell.train.evaluation_view("signal", torch.arange(16))).logits


@pytest.mark.oracle("kd_shuffled", "the teacher's own outputs: always those of one fixed other sample")
def test_the_shuffled_teacher_looks_at_one_fixed_other_sample():
    seen, logits = seen_teacher_logits(ShuffledKD)
    nearest = {
        index: {int((logits - row).norm(dim=1).argmin()) for row in rows if (logits - row).norm(dim=1).min() < 1e-6}
        for index, rows in seen.items()
    }
    assert all(len(partners) == 1 for partners in nearest.values()), "the partner changes between epochs"
    partner = {index: partners.pop() for index, partners in nearest.items()}
    assert sorted(partner.values()) == list(range(16))
    assert not [index for index, other in partner.items() if index == other]


def test_paired_teachers_look_at_the_same_sample():
    seen, logits = seen_teacher_logits(KD)
    assert seen.keys() == set(range(16))
    for index, rows in seen.items():
        for row in rows:
            assert row.tolist() == pytest.approx(logits[index].tolist(), abs=1e-6)


def test_no_teacher_is_run_for_the_student_alone():
    cell = build_tiny_run(StudentOnly, {}, Direction("signal", "vector"))
    assert cell.training().teacher is None
