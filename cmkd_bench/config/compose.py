"""Hydra's configuration, composed once per dataset, checked, and read into plain dataclasses."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cmkd_bench.config.augmentation import Augmentation
from cmkd_bench.config.preparation import Preparation
from cmkd_bench.config.recipe import Recipe
from cmkd_bench.config.supervision import Supervision
from cmkd_bench.errors import nearest_match
from cmkd_bench.experiment.label_budget import EXPECTED, LabelBudget, parse_budget
from cmkd_bench.parameters import build, problems_of

_FOLDER = Path(__file__).parent.parent / "configs"
GROUPS = ("protocol", "model", "launcher")
DEVICES = ("cpu", "cuda")
AXES = ("methods", "datasets", "seeds", "folds", "labels")  # options of `run`
SECTIONS = ("train", "supervision", "model", "prepare", "augment", "data", "launcher")
_OPEN = re.compile(r"launcher\.(methods|datasets|networks|extra)(\..+)?$")  # sections whose keys the user chooses
PARAMETERS: Mapping[str, type] = {
    "train": Recipe,
    "supervision": Supervision,
    "prepare": Preparation,
    "augment": Augmentation,
}


@dataclass(frozen=True)
class Overrides:
    """The `KEY=VALUE` arguments of a command, sorted by what they configure.

    Attributes:
        plain: arguments for Hydra: groups, and values of its sections.
        methods: hyper-parameters by method.
        datasets: options by dataset.
        problems: arguments that cannot be read.
    """

    plain: tuple[str, ...] = ()
    methods: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    datasets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Configuration:
    """The composed configuration for one dataset.

    Attributes:
        protocol: its name.
        deviations: deviations of the protocol from its paper.
        recipe: how networks are trained.
        labels: how many labels of the training part may be seen; each value is run.
        supervision: which labels and pairs may be seen.
        preparation: how a downloaded dataset is stored.
        augmentation: what a network sees of it.
        options: the dataset's options under the protocol.
        model: networks by role and by kind of modality, and `pretrained`.
        data: folders of downloaded datasets (`root`) and prepared arrays (`prepared`).
        launcher: settings that change no result.
    """

    protocol: str
    deviations: tuple[str, ...]
    recipe: Recipe
    labels: tuple[LabelBudget, ...]
    supervision: Supervision
    preparation: Preparation
    augmentation: Augmentation
    options: Mapping[str, Any]
    model: Mapping[str, Any]
    data: Mapping[str, Any]
    launcher: Mapping[str, Any]

    def network(self, role: str, kind: str) -> str:
        """Return the network of the student or the teacher for a kind of modality."""
        chosen = self.model[role]
        return str(self.model[kind] if chosen == "auto" else chosen)


def parse_overrides(arguments: Sequence[str]) -> Overrides:
    """Sort the overrides by what they configure; nothing is composed yet."""
    if not arguments:
        return Overrides()
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    parser = OverridesParser.create()
    plain: list[str] = []
    groups = tuple(text for text in arguments if text.partition("=")[0] in GROUPS and not _problem_of_group(text))
    addressed: dict[str, dict[str, dict[str, Any]]] = {"method": {}, "dataset": {}}
    problems = []
    for argument in arguments:
        try:
            override = parser.parse_override(argument)
        except HydraException:
            problems.append(f"'{argument}': expected KEY=VALUE, e.g. train.epochs=30.")
            continue
        head, _, rest = override.key_or_group.partition(".")
        if override.is_sweep_override():
            problems.append(f"{argument}: expected a single value; run each value under its own --experiment.")
        elif head in addressed and rest.count(".") == 1:
            name, _, parameter = rest.partition(".")
            addressed[head].setdefault(name, {})[parameter] = override.value()
        elif head in addressed:
            problems.append(f"{argument}: expected {head}.NAME.PARAMETER=VALUE, e.g. method.kd.temperature=2.0.")
        elif _OPEN.match(override.key_or_group):
            plain.append(f"++{argument.lstrip('+')}")  # unknown names are found when it is composed
        elif problem := _problem_of_key(override.key_or_group, str(override.value()), groups):
            problems.append(problem)
        else:
            plain.append(argument)
    return Overrides(tuple(plain), addressed["method"], addressed["dataset"], tuple(problems))


def compose(overrides: Overrides, dataset: str | None = None) -> tuple[Configuration | None, list[str]]:
    """Return the configuration for a dataset (or for none) and the problems of its values; None if there are any.

    Args:
        overrides: overrides without problems.
        dataset: its file in configs/dataset/PROTOCOL/, if it has one, is composed between the protocol and the
            overrides.
    """
    protocol = _chosen(overrides.plain, "protocol", "fair")
    values = _compose(overrides.plain, f"dataset/{protocol}={dataset}" if _has_file(protocol, dataset) else None)
    if values["only"] is not None and dataset is not None and dataset not in values["only"]:
        return None, [f"protocol={protocol} is defined only for {', '.join(values['only'])}, not for '{dataset}'."]
    problems = [p for section, cls in PARAMETERS.items() for p in problems_of(cls, values[section], section)]
    labels, wrong = parse_labels(values["labels"], "labels=")
    problems += [*wrong, *_problems_of_launcher(values["launcher"])]
    if any(text.startswith("model.") for text in overrides.plain):
        problems += _problems_of_model(values["model"])
    if problems:
        return None, problems
    return Configuration(
        protocol=protocol,
        deviations=tuple(values["deviations"]),
        recipe=build(Recipe, values["train"]),
        labels=labels,
        supervision=build(Supervision, values["supervision"]),
        preparation=build(Preparation, values["prepare"]),
        augmentation=build(Augmentation, values["augment"]),
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


def grid_defaults() -> Mapping[str, Any]:
    """Return the defaults of a command: the values in config.yaml that are not groups, read without Hydra."""
    from omegaconf import OmegaConf

    values: Any = OmegaConf.to_container(OmegaConf.load(_FOLDER / "config.yaml"))
    return {name: value for name, value in values.items() if name != "defaults"}


def as_yaml() -> str:
    """Return the configuration without any override, as text."""
    from omegaconf import OmegaConf

    return OmegaConf.to_yaml(OmegaConf.create(dict(_compose((), None))))


@functools.cache
def _compose(plain: tuple[str, ...], refinement: str | None) -> Mapping[str, Any]:
    """Return Hydra's composition as plain values, cached because composing takes a tenth of a second."""
    from hydra import compose as hydra_compose
    from hydra import initialize_config_module
    from omegaconf import OmegaConf

    extra = [f"+{refinement}"] if refinement else []
    with initialize_config_module("cmkd_bench.configs", version_base="1.3"):
        composed = hydra_compose("config", overrides=[*extra, *plain])
    values: Any = OmegaConf.to_container(composed, resolve=True)
    return dict(values)


def _has_file(protocol: str, dataset: str | None) -> bool:
    return dataset is not None and (_FOLDER / "dataset" / protocol / f"{dataset}.yaml").exists()


def _chosen(plain: Sequence[str], group: str, default: str) -> str:
    """Return the file of a group that the overrides choose."""
    chosen = [text.partition("=")[2] for text in plain if text.partition("=")[0] == group]
    return chosen[-1] if chosen else default


def _problem_of_key(key: str, value: str, groups: tuple[str, ...]) -> str | None:
    if key in GROUPS:
        return _problem_of_group(f"{key}={value}")
    known = [f"{section}.{name}" for section in SECTIONS for name in _compose(groups, None)[section] if name != "kind"]
    if key in known:
        return None
    if key.startswith("launcher.") and key in [f"launcher.{name}" for name in _slurm_defaults()]:
        return f"{key}={value}: this is a setting of launcher=slurm, which is not selected. Add --launcher slurm."
    if key in AXES:
        return f"{key}={value}: this is an option, not a setting. Use --{key} {value}."
    return f"{key}={value}: no such setting.{_hint(key, known)} See: cmkd-bench show config"


def _problem_of_group(text: str) -> str | None:
    group, _, value = text.partition("=")
    choices = sorted(path.stem for path in (_FOLDER / group).glob("*.yaml"))
    if value in choices:
        return None
    return f"{group}={value}: no such file in configs/{group}/.{_hint(value, choices)} Available: {', '.join(choices)}."


def _slurm_defaults() -> Mapping[str, Any]:
    section: Mapping[str, Any] = _compose(("launcher=slurm",), None)["launcher"]
    return section


def _hint(given: str, allowed: Sequence[str]) -> str:
    nearest = nearest_match(given, allowed)
    return f" Did you mean '{nearest}'?" if nearest else ""


def _problems_of_model(values: Mapping[str, Any]) -> list[str]:
    from cmkd_bench.networks import problem_with

    problems = []
    for name, value in values.items():
        if name == "pretrained":
            if not isinstance(value, bool | str):
                problems.append(f"model.pretrained={value}: expected true, false, or a path to weights.")
        elif value != "auto" and (problem := problem_with(str(value))):
            problems.append(f"model.{name}: {problem}")
    return problems


def _problems_of_launcher(values: Mapping[str, Any]) -> list[str]:
    if values["kind"] == "slurm":
        from cmkd_bench.config.slurm import problems_of_section

        return problems_of_section(values)
    problems = []
    if type(values["jobs"]) is not int or values["jobs"] < 0:
        problems.append(f"launcher.jobs={values['jobs']}: expected a number of workers, or 0 for one per core.")
    device = str(values["device"])
    if device not in DEVICES:
        problems.append(f"launcher.device={device}: expected {' or '.join(DEVICES)}.{_hint(device, DEVICES)}")
    if not isinstance(values["checkpoint_seconds"], int | float) or values["checkpoint_seconds"] < 0:
        problems.append(f"launcher.checkpoint_seconds={values['checkpoint_seconds']}: expected a number of seconds.")
    return problems
