"""The conformance tests can fail: each broken method here has to be caught, with a message for its author."""

from __future__ import annotations

import gc
import inspect
from dataclasses import dataclass, replace

import pytest
import torch
from torch import nn

from cmkd_bench.method import Method, Phase
from cmkd_bench.methods.c2kd import C2KD
from cmkd_bench.methods.cmcd import CMCD
from cmkd_bench.methods.fitnet import FitNet
from cmkd_bench.methods.kd import KD
from cmkd_bench.testing import MethodConformance
from cmkd_bench.testing._tiny import TinyCNN, TinyMLP
from cmkd_bench.testing._tiny_run import Direction, TinyRun
from cmkd_bench.training.loop import NonFiniteLoss

TO_VECTOR = Direction("signal", "vector")


def frozen_networks():
    """A method is not handed the networks, so a broken one has to search the process for the teacher."""
    networks = [item for item in gc.get_objects() if type(item) in (TinyCNN, TinyMLP)]
    return [network for network in networks if not any(p.requires_grad for p in network.parameters())]


class MovesTheTeachersStatistics(KD):
    done = False

    def after_step(self, student):
        if not self.done:
            for network in frozen_networks():
                for buffer in network.buffers():
                    buffer.add_(1)
        self.done = True


class MovesTheTeachersWeights(KD):
    def after_step(self, student):
        for network in frozen_networks():
            network.head.weight.mul_(1.01)


class LeavesTheTeacherAsItIs(C2KD):
    def forward(self, student, teacher, batch):
        return super().forward(student, teacher.detach(), batch)


class ReadsLabelsOfTheBatch(CMCD):
    def distil(self, student, teacher, batch):
        return {"hidden": nn.functional.cross_entropy(student.logits, batch.labels)}


class ReadsLabelsOfThePair(CMCD):
    def distil(self, student, teacher, batch):
        return {"hidden": nn.functional.cross_entropy(student.logits, self.pair.train_labels[batch.index])}


class ReadsHiddenLabels(KD):
    """A method is not handed hidden labels, so a broken one has to search the process for them."""

    def forward(self, student, teacher, batch):
        run = next(item for item in gc.get_objects() if type(item) is TinyRun and item.method is self)
        return {"hidden": nn.functional.cross_entropy(student.logits, run.every_label.labels[batch.index])}


class TakesHiddenForAClass(KD):
    def forward(self, student, teacher, batch):
        known = nn.functional.one_hot(batch.labels, self.pair.classes)
        return {"loss": (student.logits.softmax(1) - known).square().mean()}


class IgnoresThatPairsAreMissing(KD):
    def forward(self, student, teacher, batch):
        return {"loss": (student.logits - teacher.logits).square().mean()}


class SaysNothing(KD):
    unlabelled = " "


class KeepsATermAtZeroWeight(KD):
    def forward(self, student, teacher, batch):
        return {**super().forward(student, teacher, batch), "forgotten": 0.01 * student.logits.square().mean()}


class RemembersOutsideItsState(KD):
    steps = 0

    def forward(self, student, teacher, batch):
        self.steps += 1
        return {name: value / self.steps for name, value in super().forward(student, teacher, batch).items()}


class NeverUsesItsExtra(KD):
    def __init__(self, hyperparameters, pair):
        super().__init__(hyperparameters, pair)
        self.adapter = nn.Linear(2, 2)


class MakesItsExtraLate(KD):
    def forward(self, student, teacher, batch):
        self.adapter = nn.Linear(2, 2)
        return super().forward(student, teacher, batch)


class WritesIntoOutputs(KD):
    def forward(self, student, teacher, batch):
        teacher.logits.sub_(teacher.logits.mean())
        return super().forward(student, teacher, batch)


class UsesAnUnseededGenerator(KD):
    def forward(self, student, teacher, batch):
        generator = torch.Generator()
        generator.seed()
        noise = torch.rand((), generator=generator)
        return {name: noise * value for name, value in super().forward(student, teacher, batch).items()}


class ComputesInHalfPrecision(KD):
    def forward(self, student, teacher, batch):
        return {"square": 10 * (student.logits + 1000 - 1000).square().mean()}


class ReturnsOneValuePerSample(KD):
    def forward(self, student, teacher, batch):
        return {"loss": student.logits.sum(dim=1)}


class DividesByTheBatchLessOne(KD):
    def forward(self, student, teacher, batch):
        return {"deviation": student.logits.std(dim=0).mean()}


class TrainsNobody(KD):
    def forward(self, student, teacher, batch):
        return super().forward(student.detach(), teacher, batch)


class TrainsAStudentThatItFreezes(KD):
    def phases(self):
        return (Phase("frozen", self.forward, share=0.5, trains="nothing"), Phase("train", self.forward, share=0.5))


class TrainsTooLong(Method):
    def forward(self, student, teacher, batch):
        return {"loss": student.logits.square().mean()}

    def phases(self):
        phase = Phase("train", self.forward, share=0.7)
        return (phase, replace(phase, name="again"))


class DividesByTheOtherClasses(KD):
    def forward(self, student, teacher, batch):
        return {"loss": student.logits.square().mean() / (self.pair.classes - 2)}


class RefusesEveryPair(KD):
    @classmethod
    def unsupported(cls, hyperparameters, pair):
        return "never"


class RefusesWithoutAReason(KD):
    @classmethod
    def unsupported(cls, hyperparameters, pair):
        return ""


class RefusesNoLinearNetwork(FitNet):
    @classmethod
    def unsupported(cls, hyperparameters, pair):
        return None


class HasAMisspeltPreset(KD):
    presets = {"soft": {"temprature": 8.0}}


@dataclass
class Loose:
    weight: float = 1.0


class HasUndescribedParameters(Method[Loose]):
    def forward(self, student, teacher, batch):
        return {"loss": self.hyperparameters.weight * student.logits.square().mean()}


@pytest.mark.filterwarnings("ignore:std")
@pytest.mark.parametrize(
    ("broken", "test", "message"),
    [
        (MovesTheTeachersStatistics, "test_only_the_declared_parts_are_trained", r"frozen.*running_mean"),
        (MovesTheTeachersWeights, "test_only_the_declared_parts_are_trained", r"frozen.*head\.weight"),
        (LeavesTheTeacherAsItIs, "test_only_the_declared_parts_are_trained", "updates_teacher is set, but"),
        (ReadsLabelsOfTheBatch, "test_label_free_phases_know_no_label", "declared label-free"),
        (ReadsLabelsOfThePair, "test_label_free_phases_know_no_label", "other labels change .* 'distillation'"),
        (ReadsHiddenLabels, "test_hidden_labels_change_nothing", "'ReadsHiddenLabels' reads hidden labels.*student"),
        (TakesHiddenForAClass, "test_hidden_labels_change_nothing", "'TakesHiddenForAClass' fails.*batch.labelled"),
        (IgnoresThatPairsAreMissing, "test_unpaired_samples_of_the_teacher_change_nothing", "batch.paired"),
        (SaysNothing, "test_says_what_it_does_with_scarce_samples", "'SaysNothing': unlabelled"),
        (KeepsATermAtZeroWeight, "test_without_distillation_it_is_the_student_alone", "differs from the student alone"),
        (NeverUsesItsExtra, "test_extras_are_trained", r"no gradient.*adapter\.weight"),
        (MakesItsExtraLate, "test_extras_are_trained", "in the constructor"),
        (WritesIntoOutputs, "test_outputs_are_left_as_they_are", "in place"),
        (UsesAnUnseededGenerator, "test_the_seed_fixes_everything", "two runs with one seed differ"),
        (ComputesInHalfPrecision, "test_bfloat16_is_near_float32", r"\{'square'.*in float32"),
        (ReturnsOneValuePerSample, "test_losses_are_named_finite_scalars", r"shape \(8,\)"),
        (DividesByTheBatchLessOne, "test_a_batch_of_one_is_finite_or_refused", "how many are needed"),
        (TrainsNobody, "test_every_phase_trains_what_it_declares_of_the_student", "reaches the student"),
        (
            TrainsAStudentThatItFreezes,
            "test_every_phase_trains_what_it_declares_of_the_student",
            "'frozen' trains nothing of the student; detach",
        ),
        (TrainsTooLong, "test_phases_share_the_epochs", "add up to 1.4"),
        (HasUndescribedParameters, "test_hyperparameters_are_described", "frozen=True"),
        (DividesByTheOtherClasses, "test_two_classes_are_finite", r"'loss' is (inf|nan)"),
        (RefusesEveryPair, "test_is_defined_for_some_direction", "refuses every pair"),
        (RefusesWithoutAReason, "test_is_defined_for_some_direction", "must give a reason"),
        (RefusesWithoutAReason, "test_segmentation_works_or_is_refused", "no reason"),
        (TrainsNobody, "test_segmentation_works_or_is_refused", "trains the student"),
        (HasAMisspeltPreset, "test_every_set_of_values_is_valid", "'soft'.*temprature"),
        (KD, "test_is_registered_under_its_name", None),
        (NeverUsesItsExtra, "test_is_registered_under_its_name", "knows another class as 'kd'"),
    ],
)
def test_a_broken_method_is_caught(broken, test, message):
    case = type("Case", (MethodConformance,), {"method": broken})()
    arguments = {name: TO_VECTOR for name in inspect.signature(getattr(case, test)).parameters if name == "direction"}
    if test == "test_without_distillation_it_is_the_student_alone":
        arguments["clip"] = 0.0
    if message is None:
        getattr(case, test)(**arguments)
        return
    with pytest.raises((AssertionError, RuntimeError, NonFiniteLoss), match=message):
        getattr(case, test)(**arguments)


def test_a_method_that_should_refuse_linear_networks_is_caught():
    case = type("Case", (MethodConformance,), {"method": RefusesNoLinearNetwork})()
    with pytest.raises(IndexError):
        case.test_linear_networks_are_supported_or_refused("student")


@pytest.mark.parametrize(
    ("method", "test", "arguments", "reason"),
    [
        (KD, "test_label_free_phases_know_no_label", (), "label-free"),
        (CMCD, "test_without_distillation_it_is_the_student_alone", (0.0,), "no hyper-parameters"),
        (RefusesEveryPair, "test_extras_are_trained", (), "unsupported: never"),
    ],
)
def test_what_a_method_does_not_claim_is_skipped_with_the_reason(method, test, arguments, reason):
    case = type("Case", (MethodConformance,), {"method": method})()
    with pytest.raises(pytest.skip.Exception, match=reason):
        getattr(case, test)(TO_VECTOR, *arguments)


def test_state_outside_the_checkpoint_is_caught(tmp_path):
    case = type("Case", (MethodConformance,), {"method": RemembersOutsideItsState})()
    with pytest.raises(AssertionError, match="interrupted after 1"):
        case.test_a_resumed_training_ends_alike(TO_VECTOR, tmp_path)
