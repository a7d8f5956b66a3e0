"""Find everything that would go wrong on the cluster at once, before anything is queued."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from cmkd_bench.config.slurm import Profile, SlurmSettings
from cmkd_bench.errors import GridError, nearest_match
from cmkd_bench.experiment.spec import RunSpec
from cmkd_bench.launch.slurm.answers import Partition
from cmkd_bench.launch.slurm.cluster import NEEDED, Cluster, SlurmSilent

SUBMITIT_MINUTES = 10  # up to this limit, submitit takes every signal for a time-out


def check_cluster(settings: SlurmSettings, specs: Iterable[RunSpec], cluster: Cluster, folder: Path) -> list[str]:
    """Check SLURM's commands, the partitions and their limits, and that the results folder can be written.

    Args:
        settings: the settings of the cluster.
        specs: the runs.
        cluster: the commands of the cluster.
        folder: the results folder.

    Returns:
        warnings: allowed settings that the user should know about.

    Raises:
        GridError: with all problems at once.
    """
    if problems := problems_of_commands(cluster):
        raise GridError(problems)
    profiles = {settings.profile(spec): None for spec in specs}
    problems += _problems_of_folder(folder)
    try:
        partitions = cluster.partitions()
    except SlurmSilent as error:
        raise GridError([*problems, str(error)]) from error
    for profile in profiles:
        problems += problems_of_profile(profile, partitions, settings.general.signal_delay_s)
    if problems:
        raise GridError(list(dict.fromkeys(problems)))
    return list(dict.fromkeys(_notes(profiles)))


def problems_of_commands(cluster: Cluster) -> list[str]:
    """Return the problem that SLURM's commands are missing, if they are."""
    if not (missing := cluster.missing_commands()):
        return []
    return [
        f"SLURM's commands are not on the path: {', '.join(missing)} (of {', '.join(NEEDED)}). Run this on a login "
        "node of the cluster, or use --launcher local."
    ]


def problems_of_profile(profile: Profile, partitions: Mapping[str, Partition], signal_delay_s: int) -> Iterator[str]:
    """Yield the resources that no partition, or not the selected one, provides."""
    if profile.device == "cuda" and not profile.gpus and "gres" not in dict(profile.extra):
        yield "launcher.device=cuda, but launcher.gpus=0. Request a GPU, or use --device cpu."
    if signal_delay_s >= profile.timeout_min * 60:
        yield (
            f"launcher.signal_delay_s={signal_delay_s} must be below launcher.timeout_min={profile.timeout_min}: "
            "otherwise every job is stopped as soon as it starts."
        )
    for name in (profile.partition or _default(partitions)).split(","):
        if name in partitions:
            yield from _problems_of_partition(profile, partitions[name])
        elif name:
            nearest = nearest_match(name, partitions)
            hint = f" Did you mean '{nearest}'?" if nearest else ""
            yield f"launcher.partition={name}: no such partition.{hint} Available: {', '.join(sorted(partitions))}."
        else:
            yield f"the cluster has no default partition. Choose one: launcher.partition={'|'.join(sorted(partitions))}"


def _problems_of_partition(profile: Profile, partition: Partition) -> Iterator[str]:
    of = f"of partition '{partition.name}'"
    if not partition.up:
        yield f"partition '{partition.name}' is not up."
    if partition.minutes is not None and profile.timeout_min > partition.minutes:
        yield f"launcher.timeout_min={profile.timeout_min}: the limit {of} is {partition.minutes} min."
    if profile.cpus > partition.cpus:
        yield f"launcher.cpus={profile.cpus}: the nodes {of} have {partition.cpus}."
    if profile.mem_gb * 1024 > partition.mem_mb:
        yield f"launcher.mem_gb={profile.mem_gb:g}: the nodes {of} have {partition.mem_mb / 1024:.1f}."
    if profile.gpus and not partition.gpus:
        yield f"launcher.gpus={profile.gpus}: the nodes {of} have none. Use launcher.gpus=0 --device cpu."


def _problems_of_folder(folder: Path) -> Iterator[str]:
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not os.access(existing, os.W_OK):
        yield f"{existing} cannot be written. Choose another --results on a file system that all nodes share."


def _notes(profiles: Collection[Profile]) -> Iterator[str]:
    for profile in profiles:
        if profile.timeout_min <= SUBMITIT_MINUTES:
            yield (
                f"launcher.timeout_min={profile.timeout_min}: up to {SUBMITIT_MINUTES} min, a preemption counts as a "
                "time-out, of which launcher.max_num_timeout are allowed."
            )


def _default(partitions: Mapping[str, Partition]) -> str:
    return next((one.name for one in partitions.values() if one.is_default), "")
