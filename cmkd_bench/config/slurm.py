"""The resources of a SLURM job: one profile per run, from configs/launcher/slurm.yaml."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cmkd_bench.composite import networks_in
from cmkd_bench.config.overrides import Malformed
from cmkd_bench.config.settings_files import AUTO as AUTO_DEVICE
from cmkd_bench.config.variants import parse_variant
from cmkd_bench.errors import UserError
from cmkd_bench.experiment.spec import RunSpec, Scalar, Settings
from cmkd_bench.parameters import NoParameters, build, parameter, problems_of
from cmkd_bench.registry import datasets, methods

AUTO = 0  # runs_per_job: derived from measured durations
MAPPINGS = ("datasets", "networks", "methods")


@dataclass(frozen=True)
class Profile:
    """The resources of a job and how it uses them. Runs with equal profiles can share arrays and jobs."""

    partition: str = parameter("", "partition; empty for the cluster's default")
    account: str = parameter("", "account that is charged for the time")
    qos: str = parameter("", "quality of service")
    constraint: str = parameter("", "required features of the node")
    gpus: int = parameter(1, "GPUs per job", minimum=0)
    cpus: int = parameter(4, "cores per job", minimum=1)
    mem_gb: float = parameter(16.0, "memory per job in GiB; 0 for the cluster's default", minimum=0)
    timeout_min: int = parameter(240, "time limit per job in minutes", minimum=1)
    device: str = parameter("cuda", "device of the networks", choices=(AUTO_DEVICE, "cpu", "cuda"))
    jobs: int = parameter(1, "parallel runs in a job; 0 for one per core or GPU of the job", minimum=0)
    runs_per_job: int = parameter(AUTO, "runs that share a job, one after another", minimum=0)
    pack_minutes: float = parameter(30.0, "target duration in minutes of a job with several runs", minimum=0)
    extra: Settings = ()
    setup: tuple[str, ...] = ()

    @property
    def at_once(self) -> int:
        """How many runs a job executes in parallel."""
        return self.jobs or (max(self.gpus, 1) if self.device == "cuda" else self.cpus)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; `from_json` is the inverse."""
        return {**dataclasses.asdict(self), "extra": dict(self.extra), "setup": list(self.setup)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Profile:
        """Return the profile that `to_json` wrote."""
        return cls(**{**values, "extra": tuple(values["extra"].items()), "setup": tuple(values["setup"])})


@dataclass(frozen=True)
class General:
    """The settings that all jobs share."""

    checkpoint_seconds: float = parameter(60.0, "minimum time in seconds between two checkpoints of a run", minimum=0)
    array_parallelism: int = parameter(64, "maximum number of jobs of an array that run in parallel", minimum=1)
    signal_delay_s: int = parameter(120, "seconds between the signal and the end of a job", minimum=1)
    max_num_timeout: int = parameter(20, "how often a job that reached its time limit is requeued", minimum=0)
    teacher_wait_s: float = parameter(60.0, "how long a student waits for its teacher's files, in seconds", minimum=0)


@dataclass(frozen=True)
class SlurmSettings:
    """The `launcher` section of the configuration, for a cluster."""

    general: General  # settings that all jobs share
    values: Mapping[str, Any]  # the default profile
    # different values, by `datasets`, `networks` and `methods`, then by name; `methods` may name variants
    changes: Mapping[str, Mapping[str, Mapping[str, Any]]]

    def profile(self, spec: RunSpec) -> Profile:
        """Return the profile of a run: values of a method override those of a network, which override a dataset's.

        Those of a variant, `METHOD(NAME=VALUE)`, are for all runs of the method with these hyper-parameters; later ones
        override earlier ones.
        """
        names = {
            "datasets": (spec.dataset,),
            "networks": tuple(name for network in reversed(spec.networks) for name in networks_in(network)),
            "methods": [name for name in self.changes["methods"] if _covers(name, spec)],
        }
        found = [self.changes[kind].get(name, {}) for kind in MAPPINGS for name in names[kind]]
        extra = {name: value for one in (self.values, *found) for name, value in one.get("extra", {}).items()}
        profile = _profile({**self.values, **{name: value for one in found for name, value in one.items()}}, extra)
        return profile if profile.device != AUTO_DEVICE else _where_worth_it(profile, names["networks"])


def read_settings(section: Mapping[str, Any]) -> SlurmSettings:
    """Return the settings of a section in which `problems_of_section` finds no problem."""
    general, profile, _ = _sorted_by_place(section)
    return SlurmSettings(build(General, general), profile, {kind: dict(section[kind]) for kind in MAPPINGS})


def problems_of_section(section: Mapping[str, Any]) -> list[str]:
    """Return all problems of the `launcher` section of a cluster."""
    general, profile, unknown = _sorted_by_place(section)
    problems = [*problems_of(General, general, "launcher"), *_problems_of_profile({**profile, **unknown}, "launcher")]
    for kind in MAPPINGS:
        problems += _problems_of_changes(kind, section[kind])
    return problems


def _sorted_by_place(section: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    given = {name: value for name, value in section.items() if name not in (*MAPPINGS, "kind")}
    general = {field.name: given.pop(field.name) for field in dataclasses.fields(General) if field.name in given}
    profile = {field.name: given.pop(field.name) for field in dataclasses.fields(Profile) if field.name in given}
    return general, profile, given


def _problems_of_changes(kind: str, changes: Any) -> Iterator[str]:
    if not isinstance(changes, Mapping):
        yield f"launcher.{kind}={changes}: expected values by name, e.g. {{NAME: {{mem_gb: 32}}}}."
        return
    for name, values in changes.items():
        prefix = f"launcher.{kind}.{name}"
        if problem := _problem_of_name(kind, str(name)):
            yield f"{prefix}: {problem}"
        if isinstance(values, Mapping):
            yield from _problems_of_profile(values, prefix)
        else:
            yield f"{prefix}={values}: expected values by name, e.g. {prefix}.mem_gb=32"


def _problem_of_name(kind: str, name: str) -> str | None:
    if kind == "networks":
        from cmkd_bench.networks import problem_with

        return problem_with(name)
    try:
        if kind == "datasets":
            datasets.require(name)
            return None
        wanted = parse_variant(name)
        methods.require(wanted.method)
    except (UserError, Malformed) as error:
        return str(error)
    parameters = methods.declared(wanted.method).HyperParameters if wanted.given else NoParameters
    return "; ".join(problems_of(parameters, wanted.given, f"method.{wanted.method}")) or None


def _covers(name: str, spec: RunSpec) -> bool:
    """Return whether a run is one of a method, or of a variant with the hyper-parameters that the name states."""
    wanted, values = parse_variant(name), dict(spec.hyperparameters)
    return wanted.method == spec.method and all(values.get(key) == value for key, value in wanted.given.items())


def _problems_of_profile(values: Mapping[str, Any], prefix: str) -> Iterator[str]:
    plain = dict(values)
    runs, extra, setup = plain.pop("runs_per_job", "auto"), plain.pop("extra", {}), plain.pop("setup", [])
    yield from problems_of(Profile, plain, prefix)
    if runs != "auto" and (type(runs) is not int or runs < 1):
        yield f"{prefix}.runs_per_job={runs}: expected an integer of at least 1, or auto."
    if not isinstance(extra, Mapping) or not all(isinstance(value, Scalar) for value in extra.values()):
        yield f"{prefix}.extra={extra}: expected sbatch options by name, e.g. {prefix}.extra={{exclude: n1}}"
    if not isinstance(setup, list) or not all(isinstance(line, str) for line in setup):
        yield f"{prefix}.setup={setup}: expected a list of shell lines, e.g. {prefix}.setup=[module load cuda]"


def _profile(values: Mapping[str, Any], extra: Mapping[str, Scalar]) -> Profile:
    given = {name: value for name, value in values.items() if name not in ("extra", "setup", "runs_per_job")}
    runs = values.get("runs_per_job", "auto")
    return dataclasses.replace(
        build(Profile, given),
        runs_per_job=AUTO if runs == "auto" else runs,
        extra=tuple(sorted(extra.items())),
        setup=tuple(values.get("setup", ())),
    )


def _where_worth_it(profile: Profile, networks: Iterable[str]) -> Profile:
    """Return a profile with a device instead of `auto`; a job on the CPU asks for no GPU."""
    from cmkd_bench.networks import is_large

    if profile.gpus and any(is_large(name) for name in networks if name):
        return dataclasses.replace(profile, device="cuda")
    return dataclasses.replace(profile, device="cpu", gpus=0)
