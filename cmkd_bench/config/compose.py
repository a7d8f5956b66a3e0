"""Hydra's configuration: composed once per dataset, checked, and read into plain dataclasses."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cmkd_bench.config.augmentation import Augmentation
from cmkd_bench.config.preparation import Preparation
from cmkd_bench.config.recipe import Recipe
from cmkd_bench.errors import nearest_match
from cmkd_bench.parameters import build, problems_of

_FOLDER = Path(__file__).parent.parent / "configs"
GROUPS = ("protocol", "model", "launcher")
DEVICES = ("cpu", "cuda")
SECTIONS = ("train", "model", "prepare", "augment", "data", "launcher")
_OPEN = re.compile(r"launcher\.(methods|datasets|networks|extra)(\..+)?$")  # sections whose names are the user's
PARAMETERS: Mapping[str, type] = {"train": Recipe, "prepare": Preparation, "augment": Augmentation}


@dataclass(frozen=True)
class Overrides:
    """The `KEY=VALUE` arguments of a command, by whom they concern.

    Attributes:
        plain: for Hydra: groups, and values of its sections.
        methods: hyper-parameters by method.
        datasets: options by dataset.
        problems: what cannot be read.
    """

    plain: tuple[str, ...] = ()
    methods: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    datasets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Configuration:
    """What the composed configuration says for one dataset.

    Attributes:
        protocol: its name.
        deviations: of the protocol from its paper.
        recipe: how networks are trained.
        preparation: how a downloaded dataset is stored.
        augmentation: what a network sees of it.
        options: the dataset's options under the protocol.
        model: networks by role and by kind of modality, and `pretrained`.
        data: where downloaded datasets (`root`) and prepared arrays (`prepared`) lie.
        launcher: what changes no result.
    """

    protocol: str
    deviations: tuple[str, ...]
    recipe: Recipe
    preparation: Preparation
    augmentation: Augmentation
    options: Mapping[str, Any]
    model: Mapping[str, Any]
    data: Mapping[str, Any]
    launcher: Mapping[str, Any]

    def network(self, role: str, kind: str) -> str:
        """The network of the student or the teacher for a kind of modality."""
        chosen = self.model[role]
        return str(self.model[kind] if chosen == "auto" else chosen)


def parse_overrides(arguments: Sequence[str]) -> Overrides:
    """Sort the overrides by whom they concern; nothing is composed yet."""
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
            problems.append(f"'{argument}' is not of the form KEY=VALUE, e.g. train.epochs=30.")
            continue
        head, _, rest = override.key_or_group.partition(".")
        if override.is_sweep_override():
            problems.append(f"{argument}: several values at once are not swept; run each under its own --experiment.")
        elif head in addressed and rest.count(".") == 1:
            name, _, parameter = rest.partition(".")
            addressed[head].setdefault(name, {})[parameter] = override.value()
        elif head in addressed:
            problems.append(f"{argument}: write {head}.NAME.PARAMETER=VALUE, e.g. method.kd.temperature=2.0.")
        elif _OPEN.match(override.key_or_group):
            plain.append(f"++{argument.lstrip('+')}")  # what is wrong with its names is found when it is composed
        elif problem := _problem_of_key(override.key_or_group, str(override.value()), groups):
            problems.append(problem)
        else:
            plain.append(argument)
    return Overrides(tuple(plain), addressed["method"], addressed["dataset"], tuple(problems))


def compose(overrides: Overrides, dataset: str | None = None) -> tuple[Configuration | None, list[str]]:
    """The configuration for a dataset, or for none, and the problems of its values; None where there are any.

    Args:
        overrides: without problems of their own.
        dataset: its file in configs/dataset/PROTOCOL/ is composed in between the protocol and the overrides, if it has
            one.
    """
    protocol = _chosen(overrides.plain, "protocol", "fair")
    values = _compose(overrides.plain, f"dataset/{protocol}={dataset}" if _has_file(protocol, dataset) else None)
    if values["only"] is not None and dataset is not None and dataset not in values["only"]:
        return None, [f"protocol={protocol} is defined for {', '.join(values['only'])} alone, not for '{dataset}'."]
    problems = [p for section, cls in PARAMETERS.items() for p in problems_of(cls, values[section], section)]
    problems += _problems_of_launcher(values["launcher"])
    if any(text.startswith("model.") for text in overrides.plain):
        problems += _problems_of_model(values["model"])
    if problems:
        return None, problems
    return Configuration(
        protocol=protocol,
        deviations=tuple(values["deviations"]),
        recipe=build(Recipe, values["train"]),
        preparation=build(Preparation, values["prepare"]),
        augmentation=build(Augmentation, values["augment"]),
        options=values["options"],
        model=values["model"],
        data=values["data"],
        launcher=values["launcher"],
    ), []


def grid_defaults() -> Mapping[str, Any]:
    """What a command runs where it says nothing else: the part of config.yaml that is no group, read without Hydra."""
    from omegaconf import OmegaConf

    values: Any = OmegaConf.to_container(OmegaConf.load(_FOLDER / "config.yaml"))
    return {name: value for name, value in values.items() if name != "defaults"}


def as_yaml() -> str:
    """The configuration without any override, as text."""
    from omegaconf import OmegaConf

    return OmegaConf.to_yaml(OmegaConf.create(dict(_compose((), None))))


@functools.cache
def _compose(plain: tuple[str, ...], refinement: str | None) -> Mapping[str, Any]:
    """Hydra's composition as plain values; it takes a tenth of a second, so the same one is made once."""
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
    """The file chosen in a group by the overrides."""
    chosen = [text.partition("=")[2] for text in plain if text.partition("=")[0] == group]
    return chosen[-1] if chosen else default


def _problem_of_key(key: str, value: str, groups: tuple[str, ...]) -> str | None:
    if key in GROUPS:
        return _problem_of_group(f"{key}={value}")
    known = [f"{section}.{name}" for section in SECTIONS for name in _compose(groups, None)[section] if name != "kind"]
    if key in known:
        return None
    if key.startswith("launcher.") and key in [f"launcher.{name}" for name in _slurm_defaults()]:
        return f"{key}={value}: a setting of launcher=slurm, which is not chosen. Add --launcher slurm."
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
                problems.append(f"model.pretrained={value}: true, false, or a path to weights.")
        elif value != "auto" and (problem := problem_with(str(value))):
            problems.append(f"model.{name}: {problem}")
    return problems


def _problems_of_launcher(values: Mapping[str, Any]) -> list[str]:
    if values["kind"] == "slurm":
        from cmkd_bench.config.slurm import problems_of_section

        return problems_of_section(values)
    problems = []
    if type(values["jobs"]) is not int or values["jobs"] < 0:
        problems.append(f"launcher.jobs={values['jobs']}: a whole number of worker processes, or 0 for one per core.")
    device = str(values["device"])
    if device not in DEVICES:
        problems.append(f"launcher.device={device}: {' or '.join(DEVICES)}.{_hint(device, DEVICES)}")
    if not isinstance(values["checkpoint_seconds"], int | float) or values["checkpoint_seconds"] < 0:
        problems.append(f"launcher.checkpoint_seconds={values['checkpoint_seconds']}: a number of seconds.")
    return problems
