"""From stored inputs to what a network sees: cast, normalised, and in training a random view, for a batch at once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from cmkd_bench.augmentation import Augmentation
from cmkd_bench.training.device import to_device

PICTURES = ("image", "video", "depth")
IGNORED = 255  # in a label map


@dataclass(frozen=True)
class View:
    """How one modality is looked at.

    Attributes:
        kind: of the modality.
        augmentation: the protocol's.
        mean: (C, 1, 1) in stored units, or None where inputs are normalised already.
        scale: (C, 1, 1), one over the deviation.
    """

    kind: str
    augmentation: Augmentation
    mean: Tensor | None = None
    scale: Tensor | None = None

    @property
    def is_random(self) -> bool:
        """Whether a training view differs from the one in evaluation."""
        given = self.augmentation
        if self.kind in PICTURES:
            return given.crop_scale < 1 or given.crop_ratio > 1 or given.flip or self._drops_frames
        return self.kind == "spectrogram" and (given.columns > 0 or given.time_masks > 0 or given.frequency_masks > 0)

    @property
    def _drops_frames(self) -> bool:
        return self.kind == "video" and self.augmentation.frames > 0

    def shape(self, stored: tuple[int, ...]) -> tuple[int, ...]:
        """What a network sees of one sample of a stored shape."""
        given, shape = self.augmentation, list(stored)
        if self.kind in PICTURES:
            shape[-2:] = self._size(stored)
        if self._drops_frames:
            shape[0] = min(given.frames, stored[0])
        if self.kind == "spectrogram" and given.columns:
            shape[-1] = min(given.columns, stored[-1])
        return tuple(shape)

    def frames(self, batch: int, total: int, generator: torch.Generator | None = None) -> Tensor | None:
        """Which frames of a video are seen, so that no other has to be read.

        Args:
            batch: B.
            total: frames that are stored of each video.
            generator: on the CPU, for a training view; None for the one view of evaluation.

        Returns:
            (B, frames) int64, ascending, or None for all.
        """
        if not self._drops_frames:
            return None
        wanted = min(self.augmentation.frames, total)
        if generator is None:
            return ((torch.arange(wanted) * 2 + 1) * total // (2 * wanted)).expand(batch, wanted)
        return torch.rand(batch, total, generator=generator).argsort(1)[:, :wanted].sort(1).values

    def __call__(self, stored: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """A batch as the network sees it.

        Args:
            stored: (B, ...), of a video the frames that `frames` chose.
            generator: on the CPU, for a training view; None for the one view of evaluation.

        Returns:
            (B, ...) float32, or int64 for token ids.
        """
        if self.kind == "text" or (self.mean is None and self.kind not in (*PICTURES, "spectrogram")):
            return stored
        if self.kind == "spectrogram":
            return self._spectrogram(stored, generator)
        if self.kind in PICTURES:
            return self._picture(stored, generator)
        return self._normalise(stored)

    def _picture(self, stored: Tensor, generator: torch.Generator | None) -> Tensor:
        box = None if generator is None else Box.draw(len(stored), self.augmentation, generator)
        known = (stored > 0) if self.kind == "depth" else None
        values = self._normalise(stored)
        if known is not None:
            values = values * known  # an unknown depth is the mean, whatever its place
        frames = values.flatten(0, -4) if values.ndim > 4 else values
        resized = resize(frames, self._size(stored.shape), box, repeats=len(frames) // len(stored))
        return resized.reshape(*values.shape[:-2], *resized.shape[-2:])

    def _spectrogram(self, stored: Tensor, generator: torch.Generator | None) -> Tensor:
        given = self.augmentation
        if 0 < given.columns < stored.shape[-1]:
            room = stored.shape[-1] - given.columns
            start = torch.full((len(stored),), room // 2)
            if generator is not None:
                start = torch.randint(room + 1, (len(stored),), generator=generator)
            columns = to_device(start[:, None] + torch.arange(given.columns), stored.device)
            stored = stored.take_along_dim(columns[:, None, None, :], dim=3)
        values = self._normalise(stored)
        if generator is None:
            return values
        for axis, count, width in (
            (3, given.time_masks, given.time_mask_columns),
            (2, given.frequency_masks, given.frequency_mask_bins),
        ):
            for _ in range(count):
                values = _mask(values, axis, width, generator)
        return values

    def _normalise(self, stored: Tensor) -> Tensor:
        values = stored.float()
        if self.mean is None or self.scale is None:
            return values
        return (values - self.mean) * self.scale

    def _size(self, stored: torch.Size | tuple[int, ...]) -> tuple[int, int]:
        return self.augmentation.height or stored[-2], self.augmentation.width or stored[-1]


@dataclass(frozen=True)
class Box:
    """What a random crop keeps of each sample, in shares of height and width.

    Attributes:
        size: (B, 2) of height and width.
        centre: (B, 2).
        mirrored: (B,) bool.
    """

    size: Tensor
    centre: Tensor
    mirrored: Tensor

    @classmethod
    def draw(cls, batch: int, augmentation: Augmentation, generator: torch.Generator) -> Box:
        """Area uniform between crop_scale and 1, aspect ratio log-uniform, place uniform."""
        area = 1 - (1 - augmentation.crop_scale) * torch.rand(batch, generator=generator)
        spread = torch.tensor(augmentation.crop_ratio).log() * (2 * torch.rand(batch, generator=generator) - 1)
        size = torch.stack([(area / spread.exp()).sqrt(), (area * spread.exp()).sqrt()], 1).clamp(max=1)
        centre = size / 2 + (1 - size) * torch.rand(batch, 2, generator=generator)
        mirrored = torch.rand(batch, generator=generator) < (0.5 if augmentation.flip else 0.0)
        return cls(size, centre, mirrored)

    def grid(self, size: tuple[int, int], device: torch.device) -> Tensor:
        """(B, height, width, 2), where each pixel of the result is taken from, for `grid_sample`."""
        theta = torch.zeros(len(self.size), 2, 3)
        theta[:, 0, 0] = torch.where(self.mirrored, -self.size[:, 1], self.size[:, 1])
        theta[:, 1, 1] = self.size[:, 0]
        theta[:, 0, 2] = 2 * self.centre[:, 1] - 1
        theta[:, 1, 2] = 2 * self.centre[:, 0] - 1
        return F.affine_grid(to_device(theta, device), [len(self.size), 1, *size], align_corners=False)


def resize(images: Tensor, size: tuple[int, int], box: Box | None = None, repeats: int = 1) -> Tensor:
    """Images of a size, bilinear: (B * repeats, C, H, W) -> (B * repeats, C, height, width).

    Args:
        images: frames of a sample stand together.
        size: height and width.
        box: what is kept of each of the B samples; the whole image where None is given.
        repeats: frames per sample.
    """
    if box is None:
        if tuple(images.shape[-2:]) == size:
            return images
        return F.interpolate(images, size, mode="bilinear", antialias=True)
    grid = box.grid(size, images.device).repeat_interleave(repeats, 0)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def resize_labels(labels: Tensor, size: tuple[int, int], box: Box | None = None) -> Tensor:
    """Label maps of a size, nearest neighbour: (B, H, W) uint8 -> (B, height, width) int64, 255 is ignored."""
    maps = labels[:, None].float()
    if box is None:
        resized = F.interpolate(maps, size, mode="nearest-exact")
    else:
        grid = box.grid(size, labels.device)
        resized = F.grid_sample(maps, grid, mode="nearest", padding_mode="border", align_corners=False)
    return resized[:, 0].long()


def _mask(values: Tensor, axis: int, largest: int, generator: torch.Generator) -> Tensor:
    """SpecAugment: a stretch of up to `largest` positions of each sample becomes 0, the mean."""
    length, batch = values.shape[axis], len(values)
    width = torch.randint(min(largest, length) + 1, (batch,), generator=generator)
    start = (torch.rand(batch, generator=generator) * (length - width + 1)).long()
    positions = torch.arange(length)
    hidden = (positions >= start[:, None]) & (positions < (start + width)[:, None])
    shape = [batch, 1, 1, 1]
    shape[axis] = length
    return values.masked_fill(to_device(hidden.view(shape), values.device), 0.0)
