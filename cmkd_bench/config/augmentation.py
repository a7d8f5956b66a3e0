"""What a network sees of the stored inputs: sizes, random views in training, normalisation."""

from __future__ import annotations

from dataclasses import MISSING, dataclass

from cmkd_bench.parameters import parameter


@dataclass(frozen=True)
class Augmentation:
    """The views of a protocol; drawn per modality on the batch. Every value must be configured (configs/)."""

    height: int = parameter(MISSING, "of images, frames and depth maps as a network sees them; 0: as stored", minimum=0)
    width: int = parameter(MISSING, "likewise", minimum=0)
    crop_scale: float = parameter(
        MISSING, "least share of the area that a random crop keeps in training; 1: no crop", minimum=0.01, maximum=1
    )
    crop_ratio: float = parameter(MISSING, "largest change of the aspect ratio by a crop; 1: none", minimum=1)
    flip: bool = parameter(MISSING, "mirror half of the images, videos and depth maps in training")
    frames: int = parameter(
        MISSING, "of a video: random ones in training, evenly spaced otherwise; 0: all that are stored", minimum=0
    )
    columns: int = parameter(
        MISSING, "of a spectrogram: a random stretch in training, the middle otherwise; 0: all", minimum=0
    )
    time_masks: int = parameter(MISSING, "SpecAugment: stretches of columns set to the mean", minimum=0)
    time_mask_columns: int = parameter(MISSING, "largest width of one", minimum=0)
    frequency_masks: int = parameter(MISSING, "SpecAugment: stretches of frequencies set to the mean", minimum=0)
    frequency_mask_bins: int = parameter(MISSING, "largest width of one", minimum=0)
    rgb_statistics: str = parameter(
        MISSING, "mean and deviation of RGB inputs", choices=("train", "imagenet"), source="training part, or ImageNet"
    )
    spectrogram_statistics: str = parameter(
        MISSING, "mean and deviation of spectrograms, or none", choices=("train", "none")
    )
    teacher: bool = parameter(MISSING, "augment a frozen teacher's inputs too; otherwise it is run once")


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
