"""Turn a batch of stored inputs into what a network sees: cast, normalized, and randomly augmented in training."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from cmkd_bench.config.augmentation import Augmentation, StrongView
from cmkd_bench.training.device import to_device

PICTURES = ("image", "video", "depth")
IGNORED = 255  # in a label map
_MASKS = ("time_masks", "time_mask_columns", "frequency_masks", "frequency_mask_bins")
HIDDEN_MAP = 254  # everywhere in the label map of an image whose labels may not be seen


@dataclass(frozen=True)
class View:
    """Describes how one modality is presented to a network."""

    kind: str  # kind of the modality
    augmentation: Augmentation  # the protocol's
    mean: Tensor | None = None  # (C, 1, 1) in stored units, or None if inputs are already normalized
    scale: Tensor | None = None  # (C, 1, 1), the reciprocal of the standard deviation
    strong: StrongView | None = None  # of a method with strong views

    @property
    def is_random(self) -> bool:
        """Whether a training view can differ from the evaluation view."""
        given = self.augmentation
        if self.kind in PICTURES:
            return given.crop_scale < 1 or given.crop_ratio > 1 or given.flip or self._drops_frames
        return self.kind == "spectrogram" and (given.columns > 0 or given.time_masks > 0 or given.frequency_masks > 0)

    @property
    def _drops_frames(self) -> bool:
        return self.kind == "video" and self.augmentation.frames > 0

    @property
    def strongly_cropped(self) -> View:
        """The same view with the crops, flips and masks of strong views."""
        assert self.strong is not None, "the run has no strong views"
        names = ("crop_scale", "crop_ratio", "flip", *_MASKS)
        return replace(self, augmentation=replace(self.augmentation, **{n: getattr(self.strong, n) for n in names}))

    def shape(self, stored: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape that a network sees of a sample of a stored shape."""
        given, shape = self.augmentation, list(stored)
        if self.kind in PICTURES:
            shape[-2:] = self._size(stored)
        if self._drops_frames:
            shape[0] = min(given.frames, stored[0])
        if self.kind == "spectrogram" and given.columns:
            shape[-1] = min(given.columns, stored[-1])
        return tuple(shape)

    def frames(self, batch: int, total: int, generator: torch.Generator | None = None) -> Tensor | None:
        """Choose the frames of each video, so that only these need to be read.

        Args:
            batch: B.
            total: the number of stored frames per video.
            generator: on the CPU, for a training view; None for the evaluation view.

        Returns:
            (B, frames) int64, ascending; None means all frames.
        """
        if not self._drops_frames:
            return None
        count = min(self.augmentation.frames, total)
        if generator is None:
            return ((torch.arange(count) * 2 + 1) * total // (2 * count)).expand(batch, count)
        return torch.rand(batch, total, generator=generator).argsort(1)[:, :count].sort(1).values

    def __call__(self, stored: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return a batch as the network sees it.

        Args:
            stored: (B, ...); for video, the frames that `frames` chose.
            generator: on the CPU, for a training view; None for the evaluation view.

        Returns:
            (B, ...) float32, or int64 for token ids.
        """
        if self.kind == "text" or (self.mean is None and self.kind not in (*PICTURES, "spectrogram")):
            return stored
        if self.kind == "spectrogram":
            return self._spectrogram(stored, generator)
        if self.kind in PICTURES:
            return self._picture(stored, generator)
        return self._normalize(stored)

    def _picture(self, stored: Tensor, generator: torch.Generator | None) -> Tensor:
        box = None if generator is None else Box.draw(len(stored), self.augmentation, generator)
        known = (stored > 0) if self.kind == "depth" else None
        values = self._normalize(stored)
        if known is not None:
            values = values * known  # an unknown depth becomes the mean
        resized = resize(values.flatten(1, -3), self._size(stored.shape), box)
        return resized.reshape(*values.shape[:-2], *resized.shape[-2:])

    def _spectrogram(self, stored: Tensor, generator: torch.Generator | None) -> Tensor:
        given = self.augmentation
        if 0 < given.columns < stored.shape[-1]:
            room = stored.shape[-1] - given.columns
            if generator is None:
                stored = stored.narrow(-1, room // 2, given.columns).contiguous()
            else:
                start = torch.randint(room + 1, (len(stored),), generator=generator)
                columns = to_device(start[:, None] + torch.arange(given.columns), stored.device)
                stored = stored.take_along_dim(columns[:, None, None, :], dim=3)
        values = self._normalize(stored)
        if generator is None:
            return values
        for axis, count, width in (
            (3, given.time_masks, given.time_mask_columns),
            (2, given.frequency_masks, given.frequency_mask_bins),
        ):
            for _ in range(count):
                values = _mask(values, axis, width, generator)
        return values

    def _normalize(self, stored: Tensor) -> Tensor:
        values = stored.float()
        if self.mean is None or self.scale is None:
            return values
        return (values - self.mean) * self.scale

    def _size(self, stored: torch.Size | tuple[int, ...]) -> tuple[int, int]:
        return self.augmentation.height or stored[-2], self.augmentation.width or stored[-1]


@dataclass(frozen=True)
class Box:
    """The part of each sample that a random crop keeps, as shares of height and width."""

    size: Tensor  # (B, 2) of height and width
    center: Tensor  # (B, 2)
    mirrored: Tensor  # (B,) bool

    @classmethod
    def draw(cls, batch: int, augmentation: Augmentation, generator: torch.Generator) -> Box:
        """Draw the area uniformly between crop_scale and 1, the aspect ratio log-uniformly, the place uniformly."""
        area = 1 - (1 - augmentation.crop_scale) * torch.rand(batch, generator=generator)
        spread = torch.tensor(augmentation.crop_ratio).log() * (2 * torch.rand(batch, generator=generator) - 1)
        size = torch.stack([(area / spread.exp()).sqrt(), (area * spread.exp()).sqrt()], 1).clamp(max=1)
        center = size / 2 + (1 - size) * torch.rand(batch, 2, generator=generator)
        mirrored = torch.rand(batch, generator=generator) < (0.5 if augmentation.flip else 0.0)
        return cls(size, center, mirrored)

    def to(self, device: torch.device) -> Box:
        """Return the same box on a device."""
        return Box(to_device(self.size, device), to_device(self.center, device), to_device(self.mirrored, device))

    def centers(self, axis: int, length: int, stored: int) -> Tensor:
        """Return where the centers of the result's pixels lie among the stored ones, in pixels: (B, length).

        Args:
            axis: 0 for height, 1 for width.
            length: the number of pixels of the result along the axis.
            stored: the number of stored pixels along the axis.
        """
        step = (torch.arange(length, device=self.size.device) + 0.5) / length - 0.5
        share = self.center[:, axis, None] + self.size[:, axis, None] * step
        if axis == 1:
            share = torch.where(self.mirrored[:, None], share.flip(1), share)
        return share * stored

    def weights(self, axis: int, length: int, stored: int) -> Tensor:
        """Return how much each stored pixel counts in each pixel of the result: (B, length, stored).

        Bilinear with antialiasing, as in Pillow and `interpolate`: a triangle two pixels wide, in stored pixels where
        the crop is enlarged and in pixels of the result where it is reduced.
        """
        reduction = (self.size[:, axis] * stored / length).clamp(min=1)
        pixels = torch.arange(stored, device=self.size.device) + 0.5
        distance = (pixels - self.centers(axis, length, stored)[..., None]).abs()
        triangle = (1 - distance / reduction[:, None, None]).clamp(min=0)
        return triangle / triangle.sum(2, keepdim=True)


def resize(images: Tensor, size: tuple[int, int], box: Box | None = None) -> Tensor:
    """Resize images, bilinear with antialiasing: (B, C, H, W) -> (B, C, height, width).

    Args:
        images: frames of a video are channels.
        size: height and width.
        box: what is kept of each image; None keeps all of it.
    """
    if box is None:
        if tuple(images.shape[-2:]) == size:
            return images
        return F.interpolate(images, size, mode="bilinear", antialias=True)
    box = box.to(images.device)
    rows, columns = (box.weights(axis, size[axis], images.shape[2 + axis]) for axis in (0, 1))
    return torch.einsum("bhy,bcyw->bchw", rows, torch.einsum("bcyx,bwx->bcyw", images, columns))


def resize_labels(labels: Tensor, size: tuple[int, int], box: Box | None = None) -> Tensor:
    """Resize label maps to the nearest pixel: (B, H, W) uint8 -> (B, height, width) int64; 255 is ignored."""
    if box is None:
        return F.interpolate(labels[:, None].float(), size, mode="nearest-exact")[:, 0].long()
    box = box.to(labels.device)
    rows, columns = (box.centers(axis, size[axis], labels.shape[1 + axis]).long() for axis in (0, 1))
    sample = torch.arange(len(labels), device=labels.device)
    return labels[sample[:, None, None], rows[:, :, None], columns[:, None, :]].long()


def _mask(values: Tensor, axis: int, largest: int, generator: torch.Generator) -> Tensor:
    """Set a random stretch of up to `largest` positions of each sample to 0, the mean (SpecAugment)."""
    length, batch = values.shape[axis], len(values)
    width = torch.randint(min(largest, length) + 1, (batch,), generator=generator)
    start = (torch.rand(batch, generator=generator) * (length - width + 1)).long()
    positions = torch.arange(length)
    hidden = (positions >= start[:, None]) & (positions < (start + width)[:, None])
    shape = [batch, 1, 1, 1]
    shape[axis] = length
    return values.masked_fill(to_device(hidden.view(shape), values.device), 0.0)
