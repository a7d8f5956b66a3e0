"""How a network sees the stored inputs: sizes, random views in training, normalization."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import MISSING, asdict, dataclass
from typing import Any

from cmkd_bench.parameters import build, parameter


@dataclass(frozen=True)
class Augmentation:
    """The views of a protocol, drawn per modality and batch. configs/ must set every value."""

    height: int = parameter(
        MISSING, "height of images, frames and depth maps for a network; 0 keeps the stored height", minimum=0
    )
    width: int = parameter(
        MISSING, "width of images, frames and depth maps for a network; 0 keeps the stored width", minimum=0
    )
    crop_scale: float = parameter(
        MISSING,
        "smallest share of the area that a random training crop keeps; 1 disables cropping",
        minimum=0.01,
        maximum=1,
    )
    crop_ratio: float = parameter(MISSING, "largest change of the aspect ratio by a crop; 1 disables it", minimum=1)
    flip: bool = parameter(MISSING, "mirror half of the images, videos and depth maps in training")
    frames: int = parameter(
        MISSING, "frames per video: random in training, evenly spaced otherwise; 0 keeps all stored frames", minimum=0
    )
    columns: int = parameter(
        MISSING, "columns per spectrogram: a random window in training, the middle otherwise; 0 keeps all", minimum=0
    )
    time_masks: int = parameter(MISSING, "SpecAugment: number of column ranges that are set to the mean", minimum=0)
    time_mask_columns: int = parameter(MISSING, "SpecAugment: largest width of a column range", minimum=0)
    frequency_masks: int = parameter(
        MISSING, "SpecAugment: number of frequency ranges that are set to the mean", minimum=0
    )
    frequency_mask_bins: int = parameter(MISSING, "SpecAugment: largest width of a frequency range", minimum=0)
    rgb_statistics: str = parameter(
        MISSING,
        "mean and standard deviation of RGB inputs",
        choices=("train", "imagenet"),
        source="training part, or ImageNet",
    )
    spectrogram_statistics: str = parameter(
        MISSING, "mean and standard deviation of spectrograms, or none", choices=("train", "none")
    )
    teacher: bool = parameter(MISSING, "augment a frozen teacher's inputs too; otherwise it runs only once")


@dataclass(frozen=True)
class StrongView:
    """The strong views of the methods that compare several views of a sample. configs/ must set every value.

    They are the training views with the values below in place of theirs, and are disturbed further.
    """

    noise: float = parameter(
        MISSING, "standard deviation of the noise on vectors and signals, in units of their own", minimum=0
    )
    scaling: float = parameter(
        MISSING, "largest relative change of a sample's scale, upward and downward; not for text", minimum=0, maximum=1
    )
    masked: float = parameter(
        MISSING,
        "largest share of a sample that is masked: features of a vector, a stretch of a signal, a box of an image, "
        "words of a text",
        minimum=0,
        maximum=1,
    )
    crop_scale: float = parameter(
        MISSING, "in place of augment.crop_scale; not for segmentation", minimum=0.01, maximum=1
    )
    crop_ratio: float = parameter(MISSING, "in place of augment.crop_ratio; not for segmentation", minimum=1)
    flip: bool = parameter(MISSING, "in place of augment.flip; not for segmentation")
    time_masks: int = parameter(MISSING, "in place of augment.time_masks", minimum=0)
    time_mask_columns: int = parameter(MISSING, "in place of augment.time_mask_columns", minimum=0)
    frequency_masks: int = parameter(MISSING, "in place of augment.frequency_masks", minimum=0)
    frequency_mask_bins: int = parameter(MISSING, "in place of augment.frequency_mask_bins", minimum=0)


PREFIX = "strong."


def view_settings(augmentation: Augmentation, strong: StrongView | None) -> dict[str, Any]:
    """Return the settings of a run's views; without strong views, theirs are not part of it."""
    further = {} if strong is None else {f"{PREFIX}{name}": value for name, value in asdict(strong).items()}
    return {**asdict(augmentation), **further}


def read_views(settings: Iterable[tuple[str, Any]]) -> tuple[Augmentation, StrongView | None]:
    """Return what `view_settings` was given."""
    given = dict(settings)
    strong = {name.removeprefix(PREFIX): given.pop(name) for name in list(given) if name.startswith(PREFIX)}
    return build(Augmentation, given), build(StrongView, strong) if strong else None


NO_AUGMENTATION = Augmentation(
    height=0,
    width=0,
    crop_scale=1.0,
    crop_ratio=1.0,
    flip=False,
    frames=0,
    columns=0,
    time_masks=0,
    time_mask_columns=0,
    frequency_masks=0,
    frequency_mask_bins=0,
    rgb_statistics="train",
    spectrogram_statistics="train",
    teacher=False,
)
