"""The teacher/student interface: what a distillation method is, and what it may use."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from torch import Tensor, nn

from cmkd_bench.batch import HIDDEN as HIDDEN
from cmkd_bench.batch import Batch as Batch
from cmkd_bench.declaration import Declaration
from cmkd_bench.declaration import Paper as Paper
from cmkd_bench.outputs import Head as Head
from cmkd_bench.outputs import Outputs

P = TypeVar("P")
Losses = dict[str, Tensor]


@dataclass(frozen=True)
class NetworkShape:
    """The sizes of a network's outputs for one sample.

    Attributes:
        embedding: D of the pooled embedding.
        layers: the shape of each layer's feature map without the batch axis, from shallow to deep. The head is not
            counted, so a linear classifier has no layer.
        positions: (h, w) of the logits for segmentation; empty otherwise.
    """

    embedding: int
    layers: tuple[tuple[int, ...], ...]
    positions: tuple[int, ...] = ()


@dataclass(frozen=True)
class Pair:
    """The properties of networks and data that a method may use.

    Attributes:
        student: shape of the student.
        teacher: shape of the teacher; that of the student if the method uses no teacher.
        classes: C.
        train_labels: (M,) int64, the labels of the training part by sample index, HIDDEN where they may not be seen;
            the others are zeros for segmentation.
        teacher_head_or_none: the head of the teacher; None while a pair is only planned, or if the method uses no
            teacher. Read `teacher_head` instead.
        further_teachers: shapes of the method's further teachers by role.
        further_heads: their heads; empty while a pair is only planned.
        student_network: the student's network in its initial state, to be copied in the constructor and left as it is;
            None while a pair is only planned.
    """

    student: NetworkShape
    teacher: NetworkShape
    classes: int
    train_labels: Tensor
    teacher_head_or_none: Head | None = None
    student_network: nn.Module | None = None
    further_teachers: Mapping[str, NetworkShape] = field(default_factory=dict)
    further_heads: Mapping[str, Head] = field(default_factory=dict)

    @property
    def teacher_head(self) -> Head:
        """The head of the teacher's network.

        Raises:
            RuntimeError: if there is none.
        """
        if self.teacher_head_or_none is None:
            raise RuntimeError(
                "there is no teacher's head: the method declares teacher='none', or reads it in `unsupported`, when no "
                "network is built yet"
            )
        return self.teacher_head_or_none

    @property
    def is_dense(self) -> bool:
        """Whether the task is segmentation, where a row of logits and embedding is a position instead of a sample."""
        return bool(self.student.positions)


@dataclass(frozen=True)
class Step:
    """A step that a phase takes for each batch before its main step, with an optimizer of its own.

    Networks and loss are computed anew for each step, with the same dropout. Only the main step moves the statistics
    of batch normalization in student and teacher, so steps without an effect leave the training as it would be
    without them, bit for bit.

    Attributes:
        loss: named terms whose sum is minimized; their names differ from those of the phase's other losses.
        trains: what it trains: `student`, `extras`, `teacher` and the roles of further teachers (if the method updates
            them), or submodules of the method. Everything else is frozen, and lets gradients pass.
        rates: factors of the learning rate for some of these.
        undone: whether the main step starts from the parameters before this one, and takes only the direction of its
            gradient from those after it, as in first-order MAML. Such a step is plain gradient descent.
    """

    loss: Callable[[Outputs, Outputs, Batch], Losses]
    trains: Collection[str]
    rates: Mapping[str, float] = field(default_factory=dict)
    undone: bool = False


@dataclass(frozen=True)
class Phase:
    """One phase of a method's training, with its own optimizer and schedule.

    Attributes:
        name: its name in records.
        loss: named terms whose sum is minimized.
        share: share of the recipe's epochs; the shares of all phases add up to 1, so that all methods train equally
            long.
        trains: the whole student, only its head on top of a frozen backbone in evaluation mode, or nothing of it: the
            student is in evaluation mode, and the phase trains other modules.
        extras: whether the phase trains the method's own modules, or the names of those that its main step trains.
        labels: whether the phase may read labels.
        views: whether the phase reads the method's further views, if it has any.
        before: steps with other losses or trained modules, taken first for each batch.
        rates: factors of the learning rate for some of `student`, `extras`, `teacher` and the method's submodules.
        teacher: whether the main step trains the teachers, where the method updates them. In a phase without a step
            that trains a teacher, it is frozen and in evaluation mode.
    """

    name: str
    loss: Callable[[Outputs, Outputs, Batch], Losses]
    share: float = 1.0
    trains: Literal["student", "head", "nothing"] = "student"
    extras: bool | tuple[str, ...] = True
    labels: bool = True
    views: bool = True
    before: tuple[Step, ...] = ()
    rates: Mapping[str, float] = field(default_factory=dict)
    teacher: bool = True

    @property
    def losses(self) -> tuple[Callable[[Outputs, Outputs, Batch], Losses], ...]:
        """The losses of all steps, in order."""
        return (*(step.loss for step in self.before), self.loss)

    def trains_teacher(self, name: str) -> bool:
        """Return whether some step trains a teacher that the method updates: `teacher`, or a role."""
        return self.teacher or any(name in step.trains for step in self.before)


class Method(Declaration[P], nn.Module, ABC, Generic[P]):
    """A distillation method: a loss, and what it needs. `P` is the dataclass of its hyper-parameters, if it has any.

    It is a module, so trainable extras and state are submodules, parameters and buffers: the engine moves and trains
    them and saves them in checkpoints. Create extras in the constructor, which runs with its own random stream.

    Its class attributes describe it; see `Declaration`.
    """

    def __init__(self, hyperparameters: P, pair: Pair) -> None:
        super().__init__()
        self.hyperparameters = hyperparameters
        self.pair = pair
        self.logged: dict[str, Tensor] = {}

    @abstractmethod
    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        """Return the named loss terms of a batch; their sum is minimized.

        Args:
            student: outputs with gradients.
            teacher: outputs of the same samples, without gradients unless the phase trains the teacher; where some
                have no partner (`batch.pairs`), only of the others. A method without a teacher gets the student's own
                outputs, detached, and should ignore them, or those of its `own_teacher`.
            batch: index, labels, epoch.
        """

    @classmethod
    def unsupported(cls, hyperparameters: P, pair: Pair) -> str | None:
        """Return why the method is not defined for this pair, or None if it is; the plan shows the reason."""
        if cls.pairing == "same_class" and pair.is_dense:
            return f"{cls.registry_name} pairs samples of one class, and an image with a label map has several"
        if cls.trains_embedding and not pair.student.layers:
            return f"{cls.registry_name} trains the embedding, and that of a linear classifier is its input"
        return None

    def phases(self) -> tuple[Phase, ...]:
        """Return the phases in order; one by default. The epoch is selected in the last phase."""
        return (Phase("train", self.forward),)

    def student_layers(self) -> tuple[int, ...]:
        """Return the indices of the student's layers whose feature maps the loss reads."""
        return ()

    def teacher_layers(self) -> tuple[int, ...]:
        """Return the indices of the teacher's layers whose feature maps the loss reads."""
        return ()

    def own_teacher(self) -> nn.Module | None:
        """Return a network of the method's own that is the teacher, for methods with teacher = "none"; None by default.

        It is run without gradients on the student's training view, and `forward` gets its outputs as the teacher's.
        """
        return None

    def deployed(self, student: nn.Module) -> nn.Module:
        """Return what is selected, tested, saved, and loaded: the student itself, by default.

        Another module returns `Outputs` for (inputs, layers), as a network does; `Extended` is one. It is made of the
        student's modules, the method's own, and the teacher's head, and holds no copies and nothing new.
        """
        return student

    def log(self, **values: Tensor) -> None:
        """Report scalars of this step, e.g. a keep rate; the run's record contains their mean over each epoch."""
        self.logged.update({name: value.detach() for name, value in values.items()})

    def after_step(self, student: nn.Module) -> None:
        """Update state after each optimizer step, without gradients; does nothing by default.

        State in buffers and modules of the method is kept in checkpoints: a memory bank that the backward pass still
        needed, or a moving average of the student's weights.

        Args:
            student: the student's network, to be read and left as it is.
        """
