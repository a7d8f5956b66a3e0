"""Which settings of a dataset's conditions can matter for its numbers."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from cmkd_bench.experiment.spec import Scalar

PIXELS, SOUND = frozenset({"image", "video", "depth"}), frozenset({"spectrogram"})
VIEWS = {
    **dict.fromkeys(("height", "width", "crop_scale", "crop_ratio", "flip"), PIXELS),
    **dict.fromkeys(("columns", "time_masks", "time_mask_columns", "frequency_masks", "frequency_mask_bins"), SOUND),
    "frames": frozenset({"video"}),
    "rgb_statistics": frozenset({"image", "video"}),
    "spectrogram_statistics": SOUND,
    "teacher": PIXELS | SOUND,
    "noise": frozenset({"vector", "signal"}),
}
STORED = {"frames": frozenset({"video"}), "height": PIXELS, "width": PIXELS}  # everything else is about sound
TRAINED = {"momentum": ("optimizer", "sgd"), "poly_power": ("schedule", "poly")}
NETWORKS = ("student", "teacher")
FUSION = "fusion"  # recorded only where a network sees several modalities


def relevant(conditions: Mapping[str, Scalar], kinds: Collection[str]) -> dict[str, Scalar]:
    """Return the conditions without settings of other kinds of modalities, and of choices that were not made.

    Args:
        conditions: of a dataset, as the plan records them.
        kinds: of the modalities that are read; empty where they are not known, and then every kind counts.
    """
    return {name: value for name, value in conditions.items() if _matters(name, conditions, frozenset(kinds))}


def _matters(name: str, conditions: Mapping[str, Scalar], kinds: frozenset[str]) -> bool:
    section, _, setting = name.partition(".")
    if section == "train" and setting in TRAINED:
        decider, value = TRAINED[setting]
        return conditions.get(f"train.{decider}") == value
    if not kinds:
        return True
    if section == "model" and setting not in (*NETWORKS, FUSION):
        return setting in kinds and "auto" in {conditions.get(f"model.{role}") for role in NETWORKS}
    if section in ("augment", "strong"):
        return bool(VIEWS.get(setting, kinds) & kinds)
    return section != "prepare" or bool(STORED.get(setting, SOUND) & kinds)
