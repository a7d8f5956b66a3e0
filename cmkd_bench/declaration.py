"""The declaration of a method: everything apart from its mathematics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, TypeVar, get_args

from cmkd_bench.parameters import NoParameters

P = TypeVar("P")
Category = Literal[
    "logits", "relations", "features", "contrastive", "cross-modal", "semi-supervised", "other", "controls"
]
PairingForm = Literal["paired", "shuffled", "unpaired", "same_class"]
ViewKind = Literal["weak", "strong"]
TeacherRole = Literal["composite", "self"]
CATEGORIES: tuple[Category, ...] = get_args(Category)


SKIPPED = "cross-entropy skips it (mean over the labeled samples); all other terms use it"


@dataclass(frozen=True)
class Paper:
    """The publication of a method."""

    title: str
    authors: str
    venue: str
    url: str = ""


class Declaration(Generic[P]):
    """The class attributes of a method. `P` is the dataclass of its hyper-parameters, if it has any.

    Attributes:
        paper: the publication; None for a control of our own.
        deviations: where this implementation deviates from the paper, one sentence each; kept in each run's record.
        category: what is distilled, or what for; groups the lists of methods. A control or baseline is in `controls`.
        role: `method`, `control`, or `baseline` (the student alone); tables show the last two separately.
        teacher: `trained`, `untrained` (a random network), `self` (the student's network, trained on the student's own
            modality), or `none`.
        further_teachers: the trained teachers beside this one: `composite`, which sees the modalities of teacher and
            student together, or `self`, as above. The loss gets their outputs as `batch.teachers`, by these
            names. All teachers are shown the same sample.
        pairing: which sample of the training part the teacher's outputs belong to: the same one (`paired`), another one
            that stays the same (`shuffled`), another one in each epoch (`unpaired`), or in each epoch another one with
            the same label (`same_class`). A sample whose label is hidden has no partner of the same class, and the only
            labeled sample of a class is its own partner.
        needs_pairs: whether its loss is about the same sample in both modalities. If not, it can also be run with
            `supervision.pairing=unpaired` or `same_class`, which show the teacher the samples of those forms.
        trains_embedding: whether it needs an embedding that is trained, which a linear classifier does not have.
        unlabelled: what it does with a sample whose label is hidden; None if it cannot be run with such samples.
        unpaired: what it does with a sample without a partner; None if it cannot be run with such samples.
        tuned_as: the method whose selected hyper-parameters it gets where both are tuned, so that a control differs
            from its method in nothing else; None if it is tuned by itself.
        updates_teacher: whether all teachers are trained too; otherwise they are frozen, and their outputs may be
            reused.
        presets: named sets of hyper-parameters, chosen by `method.NAME.preset=...`.
        without_distillation: hyper-parameters under which the method must equal the student alone, bit for bit; None
            if the method's loss is not cross-entropy plus weighted terms.
        registry_name: set by `register_method`.
    """

    HyperParameters: ClassVar[type] = NoParameters
    paper: ClassVar[Paper | None] = None
    deviations: ClassVar[tuple[str, ...]] = ()
    category: ClassVar[Category] = "other"
    role: ClassVar[Literal["method", "control", "baseline"]] = "method"
    teacher: ClassVar[Literal["trained", "untrained", "self", "none"]] = "trained"
    further_teachers: ClassVar[tuple[TeacherRole, ...]] = ()
    pairing: ClassVar[PairingForm] = "paired"
    needs_pairs: ClassVar[bool] = True
    trains_embedding: ClassVar[bool] = False
    unlabelled: ClassVar[str | None] = SKIPPED
    unpaired: ClassVar[str | None] = None
    tuned_as: ClassVar[str | None] = None
    updates_teacher: ClassVar[bool] = False
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    without_distillation: ClassVar[Mapping[str, Any] | None] = None
    registry_name: ClassVar[str]

    @classmethod
    def further_views(cls, hyperparameters: P) -> tuple[ViewKind, ...]:
        """Return the views of each sample that the loss reads beside the training view: none by default.

        A `weak` one is another draw of the training view, and a `strong` one is disturbed further. Both networks see
        all views, so each of them costs as much again, and no outputs of the teacher can be stored.
        """
        return ()

    @classmethod
    def teacher_method(cls, hyperparameters: P) -> str | None:
        """Return the name of the method that trains a `trained` teacher on its own modality, with its defaults.

        None, the default, is the teacher of all other rows, which is the student alone trained on that modality.
        """
        return None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # only the class's own bases: a subclass of a method may set HyperParameters itself
        for base in cls.__dict__.get("__orig_bases__", ()):
            if isinstance(arguments := getattr(base, "__args__", None), tuple) and isinstance(arguments[0], type):
                cls.HyperParameters = arguments[0]
