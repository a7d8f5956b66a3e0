"""Which labels and which pairs may be seen, apart from how many labels; configs/protocol/ sets the values."""

from __future__ import annotations

from dataclasses import MISSING, dataclass

from cmkd_bench.parameters import parameter


@dataclass(frozen=True)
class Supervision:
    """The scarcities of a protocol beside the number of labels. Every value must be configured."""

    labels_by: str = parameter(
        MISSING,
        "draw the labeled samples by class, or draw whole groups of the dataset, such as speakers",
        choices=("class", "group"),
    )
    select_labels: str = parameter(
        MISSING, "labels for selecting the epoch: all of the part, or the same share as in training",
        choices=("all", "same"),
    )  # fmt: skip
    teacher_labels: str = parameter(
        MISSING, "labels of the teacher: those of the student, or all", choices=("same", "all")
    )
    pairing: str = parameter(
        MISSING,
        "which sample the teacher is shown: the same one, or in each epoch another one, of any class or of its class",
        choices=("paired", "unpaired", "same_class"),
    )
    pairs_share: float = parameter(
        MISSING, "share of the training samples whose partner in the other modality is known", minimum=0.001, maximum=1
    )
    mispaired: float = parameter(
        MISSING, "share of the pairs whose partner belongs to another sample", minimum=0, maximum=1
    )


FULL = Supervision(
    labels_by="class",
    select_labels="all",
    teacher_labels="same",
    pairing="paired",
    pairs_share=1.0,
    mispaired=0.0,
)
"""Nothing is scarce but, possibly, labels."""
