"""What a user asks for, and all that is wrong with it, found before anything is loaded or started."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cmkd_bench.config.compose import Overrides, compose
from cmkd_bench.errors import GridError, UnknownName, UserError, nearest_match
from cmkd_bench.parameters import problems_of
from cmkd_bench.registry import datasets, methods

if TYPE_CHECKING:
    from cmkd_bench.data.dataset import Dataset
    from cmkd_bench.method import Method

Direction = tuple[str, str]


@dataclass(frozen=True)
class Request:
    """What the user asked for, as names.

    Attributes:
        methods: in the order of the command line.
        datasets: likewise.
        pairs: `teacher:student` as given, or None for each dataset's own pairs; each is run in both directions.
        seeds: the seeds.
        folds: the folds, or None for all of each dataset.
        overrides: the sorted `KEY=VALUE` arguments.
        baseline: the method that is the student alone, and trains the teachers.
        one_way: only the directions as they were written.
        trials: how many draws each method gets to be tuned; None for no tuning.
        command: that asks for the same again; empty if a Python program asks.
    """

    methods: tuple[str, ...]
    datasets: tuple[str, ...]
    pairs: tuple[str, ...] | None
    seeds: tuple[int, ...]
    folds: tuple[int, ...] | None
    overrides: Overrides
    baseline: str
    one_way: bool = False
    trials: int | None = None
    command: str = ""


def check(request: Request) -> dict[str, list[Direction]]:
    """The directions of each dataset; needs no data and no torch unless hyper-parameters are given.

    Raises:
        GridError: with all problems of the request at once.
    """
    problems = [*request.overrides.problems]
    problems += _problems_of_names(methods.require, request.methods)
    problems += _problems_of_names(datasets.require, request.datasets)
    problems += _problems_of_parameters(request)
    problems += _problems_of_folds(request)
    directions, unmatched = _directions(request)
    problems += unmatched
    problems += _problems_of_values(request)
    if request.trials is not None and not problems:
        problems += _problems_of_trials(request)
    if problems:
        raise GridError(problems)
    return directions


def resolve_preset(cls: type[Method[Any]], given: Mapping[str, Any]) -> dict[str, Any]:
    """Replace `preset` by the hyper-parameters that it stands for; what is given besides wins."""
    values = dict(given)
    preset = values.pop("preset", None)
    return {**(cls.presets[preset] if preset is not None else {}), **values}


def _problems_of_names(require: Callable[[str], None], names: Sequence[str]) -> Iterator[str]:
    for name in names:
        try:
            require(name)
        except UserError as error:
            yield str(error)


def _problems_of_parameters(request: Request) -> Iterator[str]:
    for name, given in request.overrides.methods.items():
        yield from _problems_of_names(methods.require, [name])
        if name in methods.names():
            cls = methods.get(name)
            preset = given.get("preset")
            if preset is not None and preset not in cls.presets:
                yield str(UnknownName(f"preset of {name}", str(preset), cls.presets, f"cmkd-bench show {name}"))
            else:
                yield from problems_of(cls.HyperParameters, resolve_preset(cls, given), f"method.{name}")
            if name not in request.methods:
                yield f"method.{name}: set, but '{name}' is not among the methods of this grid. Add it to --methods."
    for name, given in request.overrides.datasets.items():
        yield from _problems_of_names(datasets.require, [name])
        if name in datasets.names():
            yield from problems_of(datasets.get(name).Options, given, f"dataset.{name}")
            if name not in request.datasets:
                yield f"dataset.{name}: set, but '{name}' is not among the datasets of this grid. Add it to --datasets."


def _problems_of_values(request: Request) -> list[str]:
    """Of the configuration's values: the same for all datasets, so each is said once."""
    if not request.overrides.plain:
        return []
    known = [name for name in request.datasets if name in datasets.names()]
    found = [problem for name in [None, *known] for problem in compose(request.overrides, name)[1]]
    return list(dict.fromkeys(found))


def _problems_of_trials(request: Request) -> Iterator[str]:
    from cmkd_bench.planning.tuning import is_searched

    trials = request.trials
    if trials is not None and trials < 2:
        yield f"--trials {trials}: a number from 2 is wanted, because draw 0 is the defaults."
    if not any(is_searched(request, name) for name in request.methods if name != request.baseline):
        yield (
            f"--trials {trials}: nothing to draw: none of {', '.join(request.methods)} has a hyper-parameter with a "
            "search space that is not set. See: cmkd-bench show NAME"
        )
    for name in request.datasets:
        configuration, _ = compose(request.overrides, name)
        part = configuration.recipe.select_on if configuration is not None else "validation"
        if part != "validation":
            yield (
                f"--trials {trials}: draws are selected on the validation part alone, but {name} has "
                f"train.select_on={part}. Leave --trials out, or add train.select_on=validation."
            )


def _problems_of_folds(request: Request) -> Iterator[str]:
    for name in request.datasets:
        folds = datasets.get(name).folds if name in datasets.names() else 0
        for fold in request.folds or ():
            if folds and not 0 <= fold < folds:
                yield f"--folds {fold}: dataset '{name}' has folds 0 to {folds - 1}; use --folds 0 or --folds all."


def _directions(request: Request) -> tuple[dict[str, list[Direction]], list[str]]:
    """The directed pairs of each dataset, and the pairs that none of the datasets has."""
    known = {name: datasets.get(name) for name in request.datasets if name in datasets.names()}
    if request.pairs is None:
        chosen = {name: list(cls.default_pairs) for name, cls in known.items()}
    else:
        chosen = {name: _matching(request.pairs, cls) for name, cls in known.items()}
    problems = list(_unmatched_pairs(request.pairs or (), known))
    if request.pairs is not None and not problems:
        problems = [
            f"dataset '{name}' has none of the pairs {', '.join(request.pairs)}. "
            f"Its modalities: {', '.join(modality.name for modality in known[name].modalities)}."
            for name, pairs in chosen.items()
            if not pairs
        ]
    both = {
        name: list(dict.fromkeys(d for a, b in pairs for d in ([(a, b)] if request.one_way else [(a, b), (b, a)])))
        for name, pairs in chosen.items()
    }
    return both, problems


def _matching(pairs: Sequence[str], cls: type[Dataset[Any]]) -> list[Direction]:
    names = {modality.name for modality in cls.modalities}
    split = [tuple(pair.split(":")) for pair in pairs]
    return [(pair[0], pair[1]) for pair in split if len(pair) == 2 and set(pair) <= names]


def _unmatched_pairs(pairs: Sequence[str], known: Mapping[str, type[Dataset[Any]]]) -> Iterator[str]:
    for pair in pairs:
        sides = pair.split(":")
        if len(sides) != 2 or sides[0] == sides[1]:
            yield f"pair '{pair}': two different modalities are wanted, teacher:student, e.g. pixels:fourier."
        elif known and not any(_matching([pair], cls) for cls in known.values()):
            yield _unknown_pair(pair, sides, known)


def _unknown_pair(pair: str, sides: Sequence[str], known: Mapping[str, type[Dataset[Any]]]) -> str:
    modalities = {name: [modality.name for modality in cls.modalities] for name, cls in known.items()}
    every = [modality for names in modalities.values() for modality in names]
    nearest = ":".join(side if side in every else nearest_match(side, every) or "?" for side in sides)
    hint = f" Did you mean '{nearest}'?" if "?" not in nearest and nearest != pair else ""
    listing = "; ".join(f"{name}: {', '.join(names)}" for name, names in modalities.items())
    return f"unknown pair '{pair}'.{hint} Modalities by dataset: {listing}. See: cmkd-bench list datasets"
