"""Pictures, sounds, depth maps and sentences that a class can be told by, for fixtures."""

from __future__ import annotations

import colorsys

import numpy as np

_WORDS = [
    "river",
    "stone",
    "lamp",
    "cloud",
    "bread",
    "tiger",
    "engine",
    "violin",
    "winter",
    "market",
    "garden",
    "bridge",
]


def picture(label: int, classes: int, size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """(H, W, 3) uint8: a disc in the class's colour at a random place, over noise."""
    height, width = size
    rows, columns = np.mgrid[:height, :width]
    radius = min(size) * rng.uniform(0.25, 0.4)
    centre = rng.uniform(0.35, 0.65, 2) * size
    inside = (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < radius**2
    colour = np.array(colorsys.hsv_to_rgb((label + rng.uniform(0.1, 0.5)) / classes, 0.9, 0.9)) * 255
    image = rng.normal(110, 25, (height, width, 3))
    image[inside] = colour + rng.normal(0, 12, (int(inside.sum()), 3))
    return image.clip(0, 255).astype(np.uint8)


def film(label: int, classes: int, frames: int, size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """(frames, H, W, 3) uint8: a picture of the class that drifts sideways."""
    image = picture(label, classes, size, rng)
    speed = int(rng.integers(-2, 3))
    return np.stack([np.roll(image, speed * frame, axis=1) for frame in range(frames)])


def sound(label: int, classes: int, seconds: float, rate: int, rng: np.random.Generator) -> np.ndarray:
    """(samples,) float32 between -1 and 1: a tone whose pitch tells the class, between 300 and 3000 Hz, over noise."""
    pitch = 300 * 10 ** ((label + rng.uniform(0.2, 0.6)) / classes)
    time = np.arange(round(seconds * rate)) / rate
    tone = 0.4 * np.sin(2 * np.pi * pitch * time + rng.uniform(0, 2 * np.pi))
    return (tone + rng.normal(0, 0.05, len(time))).clip(-1, 1).astype(np.float32)


def depth(label: int, classes: int, size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """(H, W) float32 in metres, 1 to 9: a plane whose tilt tells the class, with a box on it."""
    height, width = size
    rows, columns = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    angle = 2 * np.pi * (label + rng.uniform(0.2, 0.6)) / classes
    plane = 5 + 3 * (np.cos(angle) * (rows - 0.5) + np.sin(angle) * (columns - 0.5))
    top, left = (int(rng.integers(0, length // 2)) for length in size)
    plane[top : top + height // 4, left : left + width // 4] -= 0.5
    noisy: np.ndarray = (plane + rng.normal(0, 0.05, size)).clip(1, 9).astype(np.float32)
    return noisy


def room(
    label: int, classes: int, size: tuple[int, int], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A wall, a floor and a thing that tells the class by its colour and by how near it is.

    Returns:
        (H, W, 3) uint8; (H, W) float32 depth in metres, 1 to 6; (H, W) uint8, 0 is wall, 1 floor and 2 the thing.
    """
    height, width = size
    share = np.broadcast_to(np.linspace(0, 1, height)[:, None], size)
    regions = (share > 0.7).astype(np.uint8)
    distance = 6 - 6 * (share - 0.7).clip(0)
    top, left = int(rng.integers(height // 6, height // 2)), int(rng.integers(width // 8, width // 2))
    thing = np.s_[top : top + height // 3, left : left + width // 3]
    regions[thing] = 2
    distance[thing] = 1 + 3 * (label + rng.uniform(0.2, 0.6)) / classes
    hue = (label + rng.uniform(0.1, 0.5)) / classes
    colours = np.array([(170, 170, 160), (90, 70, 50), np.array(colorsys.hsv_to_rgb(hue, 0.9, 0.9)) * 255])
    image = (colours[regions] + rng.normal(0, 12, (height, width, 3))).clip(0, 255).astype(np.uint8)
    return image, (distance + rng.normal(0, 0.03, size)).clip(1, 6).astype(np.float32), regions


def sentence(label: int, classes: int, words: int, rng: np.random.Generator) -> str:
    """Words of which about half belong to the class and the rest to all."""
    own = f"{_WORDS[label % len(_WORDS)]}{label if label >= len(_WORDS) else ''}"
    return " ".join(
        own if rng.random() < 0.5 else str(rng.choice(["the", "of", "near", "today", "people"])) for _ in range(words)
    )
