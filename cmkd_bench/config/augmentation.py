"""How a network sees the stored inputs: sizes, random views in training, normalization."""

from __future__ import annotations

from dataclasses import MISSING, dataclass

from cmkd_bench.parameters import parameter


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
