"""Hydra's configuration, composed once per dataset, checked, and read into plain dataclasses."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cmkd_bench.config.augmentation import Augmentation, StrongView
from cmkd_bench.config.overrides import Overrides
from cmkd_bench.config.preparation import Preparation
from cmkd_bench.config.recipe import Recipe
from cmkd_bench.config.recipe_file import RecipeFile, recipe_file
from cmkd_bench.config.settings_files import AUTO, DEVICES
from cmkd_bench.config.supervision import Supervision
from cmkd_bench.errors import UserError, hint
from cmkd_bench.experiment.label_budget import EXPECTED, LabelBudget, parse_budget
from cmkd_bench.parameters import build, problems_of

MOST_JOBS = 4096
PARAMETERS: Mapping[str, type] = {
    "train": Recipe,
    "supervision": Supervision,
    "prepare": Preparation,
    "augment": Augmentation,
    "strong": StrongView,
}


@dataclass(frozen=True)
class Configuration:
    """The composed configuration for one dataset."""

    protocol: str  # its name
    deviations: tuple[str, ...]  # deviations of the protocol from its paper
    pairs: tuple[str, ...] | None  # `teacher:student`, run as written; None: the dataset's own, in both directions
    recipe: Recipe  # how networks are trained
    labels: tuple[LabelBudget, ...]  # how many labels of the training part may be seen; each value is run
    supervision: Supervision  # which labels and pairs may be seen
    preparation: Preparation  # how a downloaded dataset is stored
    augmentation: Augmentation  # what a network sees of it
    strong: StrongView  # what a network sees of it in a strong view
    options: Mapping[str, Any]  # the dataset's options under the protocol
    model: Mapping[str, Any]  # networks by role and by kind of modality, and `pretrained`
    data: Mapping[str, Any]  # folders of downloaded datasets (`root`) and prepared arrays (`prepared`)
    launcher: Mapping[str, Any]  # settings that change no result

    def network(self, role: str, kind: str) -> str:
        """Return the network of the student or the teacher for a kind of modality."""
        chosen = self.model[role]
        return str(self.model[kind] if chosen == "auto" else chosen)


def compose(overrides: Overrides, dataset: str | None = None) -> tuple[Configuration | None, list[str]]:
    """Return the configuration for a dataset (or for none) and the problems of its values; None if there are any.

    Args:
        overrides: overrides without problems.
        dataset: its recipe, configs/dataset/PROTOCOL/NAME.yaml of the suite or beside the dataset's own file, is
            composed between the protocol and the overrides. With an option VALUE, NAME-VALUE.yaml is preferred.
    """
    protocol = _chosen(overrides.plain, "protocol", "fair")
    chosen = overrides.datasets.get(dataset or "", {}).values()
    refinement = None if dataset is None else recipe_file(dataset, protocol, chosen)
    if refinement is not None and (wrong := refinement.problems()):
        return None, wrong
    try:
        values = _compose(overrides.plain, refinement)
    except UserError as error:
        return None, [str(error)]
    if values["only"] is not None and dataset is not None and dataset not in values["only"]:
        return None, [f"protocol={protocol} is defined only for {', '.join(values['only'])}, not for '{dataset}'."]
    problems = [p for section, cls in PARAMETERS.items() for p in problems_of(cls, values[section], section)]
    labels, wrong = parse_labels(values["labels"], "labels=")
    problems += [*wrong, *_problems_of_launcher(values["launcher"]), *_problems_of_data(values["data"])]
    if values["train"]["epochs"] == 0:  # which a recipe may have: that of an untrained teacher
        problems.append("train.epochs=0: must be at least 1, because a student is trained.")
    if any(text.startswith("model.") for text in overrides.plain):
        problems += _problems_of_model(values["model"])
    if problems:
        return None, problems if refinement is None or refinement.is_ours else [*problems, refinement.as_a_place()]
    return Configuration(
        protocol=protocol,
        deviations=tuple(values["deviations"]),
        pairs=None if values["pairs"] is None else tuple(values["pairs"]),
        recipe=build(Recipe, values["train"]),
        labels=labels,
        supervision=build(Supervision, values["supervision"]),
        preparation=build(Preparation, values["prepare"]),
        augmentation=build(Augmentation, values["augment"]),
        strong=build(StrongView, values["strong"]),
        options=values["options"],
        model=values["model"],
        data=values["data"],
        launcher=values["launcher"],
    ), []


def parse_labels(given: object, prefix: str) -> tuple[tuple[LabelBudget, ...], list[str]]:
    """Return label budgets, each once, and the problems of those that are not valid.

    Args:
        given: one budget or several; text may hold several, separated by commas.
        prefix: how the user addresses them.
    """
    texts = given.split(",") if isinstance(given, str) else given
    found: dict[LabelBudget, None] = {}
    problems = []
    for one in texts if isinstance(texts, Iterable) else [texts]:
        try:
            found[parse_budget(one)] = None
        except ValueError as error:
            problems.append(f"{prefix}{one}: {error}.")
    if not found and not problems:
        problems.append(f"{prefix}: {EXPECTED}.")
    return tuple(found), problems


def as_yaml() -> str:
    """Return the configuration without any override, as text."""
    from omegaconf import OmegaConf

    return OmegaConf.to_yaml(OmegaConf.create(dict(_compose((), None))))


@functools.cache
def _compose(plain: tuple[str, ...], refinement: RecipeFile | None) -> Mapping[str, Any]:
    """Return Hydra's composition as plain values, cached because composing takes a tenth of a second.

    Raises:
        UserError: for values that Hydra refuses, e.g. an interpolation of something that does not exist.
    """
    from hydra import compose as hydra_compose
    from hydra import initialize_config_module
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    extra = refinement.overrides if refinement else []
    try:
        with initialize_config_module("cmkd_bench.configs", version_base="1.3"):
            composed = hydra_compose("config", overrides=[*extra, *plain])
        values: Any = OmegaConf.to_container(composed, resolve=True)
    except (HydraException, OmegaConfBaseException) as error:
        key = getattr(error, "full_key", None)
        given = next((text.lstrip("+") for text in plain if text.lstrip("+").partition("=")[0] == key), key)
        reason = str(error).strip().partition("\n")[0].rpartition("while resolving interpolation: ")[2]
        place = given or " ".join([*plain, *([str(refinement.path)] if refinement else [])])
        raise UserError(f"{place}: {reason.removesuffix('.')}.") from error
    return dict(values)


def _chosen(plain: Sequence[str], group: str, default: str) -> str:
    """Return the file of a group that the overrides choose."""
    chosen = [text.partition("=")[2] for text in plain if text.partition("=")[0] == group]
    return chosen[-1] if chosen else default


def _problems_of_model(values: Mapping[str, Any]) -> list[str]:
    from cmkd_bench.networks import problem_with, problem_with_fusion

    problems = []
    for name, value in values.items():
        if name == "pretrained":
            if not isinstance(value, bool | str):
                problems.append(f"model.pretrained={value}: expected true, false, or a path to weights.")
        elif name == "fusion":
            problems += [f"model.fusion: {problem}" for problem in [problem_with_fusion(str(value))] if problem]
        elif value != "auto" and (problem := problem_with(str(value))):
            problems.append(f"model.{name}: {problem}")
    return problems


def _problems_of_launcher(values: Mapping[str, Any]) -> list[str]:
    if values["kind"] == "slurm":
        from cmkd_bench.config.slurm import problems_of_section

        return problems_of_section(values)
    problems = []
    if type(values["jobs"]) is not int or not 0 <= values["jobs"] <= MOST_JOBS:
        expected = f"expected a number of workers up to {MOST_JOBS}, or 0 for one per core."
        problems.append(f"launcher.jobs={values['jobs']}: {expected}")
    device = str(values["device"])
    if device not in (allowed := (AUTO, *DEVICES)):
        problems.append(f"launcher.device={device}: expected {AUTO}, {' or '.join(DEVICES)}.{hint(device, allowed)}")
    seconds = values["checkpoint_seconds"]
    if not isinstance(seconds, int | float) or not 0 <= seconds < math.inf:
        problems.append(f"launcher.checkpoint_seconds={seconds}: expected a number of seconds.")
    return problems


def _problems_of_data(values: Mapping[str, Any]) -> list[str]:
    return [
        f"data.{name}={value}: expected the path of a folder."
        for name, value in values.items()
        if value is not None and not isinstance(value, str)
    ]
