"""Check that the settings of a protocol suit a dataset, before anything of it is planned."""

from __future__ import annotations

from cmkd_bench.composite import is_composite
from cmkd_bench.config.compose import Configuration
from cmkd_bench.data.loading import LoadedFold
from cmkd_bench.errors import UserError
from cmkd_bench.planning.grid import DatasetGrid


def check_selection(name: str, configuration: Configuration, data: LoadedFold) -> None:
    """Check that there is a part on which an epoch can be selected."""
    if configuration.recipe.select_on == "validation" and not len(data.paired.parts["validation"]):
        raise UserError(
            f"dataset '{name}' has no validation part with these options, so no epoch can be selected on it. "
            "Choose other options, or another part to select on: train.select_on=last, train or test."
        )


def check_supervision(name: str, part: DatasetGrid, data: LoadedFold) -> None:
    """Check that the labels and pairs that may be seen are defined for a dataset and its directions."""
    supervision = part.configuration.supervision
    if supervision.labels_by == "group" and data.paired.groups is None:
        raise UserError(
            f"supervision.labels_by=group: dataset '{name}' has no groups. Use supervision.labels_by=class."
        )
    if supervision.pairing != "paired" and supervision.mispaired > 0:
        raise UserError(
            f"supervision.mispaired={supervision.mispaired}: there are no pairs that could be wrong with "
            f"supervision.pairing={supervision.pairing}. Use supervision.mispaired=0."
        )
    if supervision.pairing == "same_class" and data.paired.targets is not None:
        raise UserError(
            f"supervision.pairing=same_class: not defined for segmentation ('{name}'), where an image has several "
            "classes. Use supervision.pairing=unpaired."
        )
    composite = [":".join(direction) for direction in part.directions if is_composite(direction[0])]
    if composite and (supervision.pairs_share < 1 or supervision.mispaired > 0):
        raise UserError(
            f"--pairs {composite[0]}: a teacher of several modalities is trained on pairs itself, so it is not defined "
            f"with supervision.pairs_share={supervision.pairs_share}, mispaired={supervision.mispaired}. Use 1 and 0."
        )
    if supervision.pairs_share < 1 and data.paired.targets is not None:
        raise UserError(
            f"supervision.pairs_share={supervision.pairs_share}: not defined for segmentation ('{name}'), where pairs "
            "are those of positions. Use supervision.pairs_share=1."
        )
