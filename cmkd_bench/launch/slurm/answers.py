"""The answers of SLURM's commands as data; ValueError for a text that is no such answer."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cmkd_bench.launch.slurm.states import JobState

_ARRAY = re.compile(r"(\d+)_\[(\d{1,9}(?:-\d{1,9})?(?:,\d{1,9}(?:-\d{1,9})?)*)(?:%\d+)?\]")
_JOB = re.compile(rf"\d+(?:[_+]\d+)?|{_ARRAY.pattern}")
_STATE = re.compile(r"[A-Z][A-Z_]+(?: by \d+)?\+?")  # sacct says CANCELLED by 1000
_RECORD = re.compile(r"JobId=(\d+) (?:ArrayJobId=(\d+) ArrayTaskId=([\d,%-]+) )?.*?JobName=(.*?) UserId=")
_MOST_ELEMENTS = 4_000_001  # SLURM allows no larger index


@dataclass(frozen=True)
class Queue:
    """The output of one call of squeue: jobs in the queue, and jobs that ended minutes ago."""

    jobs: dict[str, JobState]  # by id; an array's elements by `123_4`
    names: dict[str, str]  # ids of jobs, without array elements, by name


@dataclass(frozen=True)
class Partition:
    """A partition as shown by sinfo; of several kinds of nodes, the largest."""

    name: str
    is_default: bool
    minutes: int | None  # time limit; None if there is none
    up: bool  # whether jobs can start
    cpus: int  # cores of a node
    mem_mb: int  # memory of a node
    gpus: bool  # whether its nodes have GPUs


def expand(job: str) -> list[str]:
    """Return the single ids behind an id of squeue or sacct: `7_[1-2,5%4]` stands for 7_1, 7_2 and 7_5."""
    found = _ARRAY.fullmatch(job)
    if found is None:
        return [job]
    parts = (part.partition("-") for part in found[2].split(","))
    ranges = [range(int(low), int(high or low) + 1) for low, _, high in parts]
    if sum(map(len, ranges)) > _MOST_ELEMENTS:
        raise ValueError(f"{job}: no array is that large")
    return [f"{found[1]}_{number}" for one in ranges for number in one]


def parse_queue(answer: str) -> Queue:
    """Parse the output of squeue; ValueError if it is anything else."""
    jobs, names = {}, {}
    for line in _lines(answer):
        job, state, reason, node, name = line.split("|", 4)
        _check(job, state)
        for one in expand(job):
            jobs[one] = JobState(state, "" if reason == "None" else reason, node)
        names[name] = job.partition("_")[0]
    return Queue(jobs, names)


def parse_ends(answer: str) -> dict[str, str]:
    """Parse the output of sacct; ValueError if it is anything else."""
    ended: dict[str, str] = {}
    for line in _lines(answer):
        job, state = line.split("|", 1)
        _check(job, state)
        ended |= dict.fromkeys(expand(job), state.split(" ")[0].rstrip("+"))
    return ended


def parse_controlled(answer: str) -> dict[str, str]:
    """Parse the output of `scontrol -o show jobs`; ValueError if it is anything else, also if it is empty."""
    if answer.strip() == "No jobs in the system":
        return {}
    names: dict[str, str] = {}
    for line in _lines(answer):
        found = _RECORD.match(line)
        if found is None:
            raise ValueError(line)
        job, array, elements, name = found.groups()
        names |= dict.fromkeys(expand(f"{array}_[{elements}]") if array else [job], name)
    if not names:
        raise ValueError("no answer")
    return names


def parse_partitions(answer: str) -> dict[str, Partition]:
    """Parse the output of sinfo; ValueError if it is anything else, also if it is empty."""
    found: dict[str, Partition] = {}
    for line in _lines(answer):
        name, limit, state, cpus, memory, gres = line.split("|", 5)
        one = Partition(
            name=name.rstrip("*"),
            is_default=name.endswith("*"),
            minutes=minutes_of(limit),
            up=state.startswith("up"),
            cpus=_number(cpus),
            mem_mb=_number(memory),
            gpus="gpu" in gres,
        )
        found[one.name] = _larger(one, found.get(one.name, one))
    if not found:
        raise ValueError("no answer")
    return found


def _lines(answer: str) -> list[str]:
    """Return the lines of an answer; other characters that end a line somewhere may be part of a job's name."""
    return [line for line in answer.split("\n") if line.strip()]


def _check(job: str, state: str) -> None:
    if not _JOB.fullmatch(job) or not _STATE.fullmatch(state):
        raise ValueError(f"{job}|{state}")


def minutes_of(limit: str) -> int | None:
    """Convert SLURM's `days-hours:minutes:seconds` to minutes; None for infinite."""
    days, _, clock = limit.rpartition("-")
    parts = clock.split(":")
    if not all(part.isdigit() for part in parts):
        return None
    numbers = [int(part) for part in parts]
    if days:  # D-H, D-H:M, D-H:M:S
        hours, minutes = [*numbers, 0, 0][:2]
    else:  # M, M:S, H:M:S
        hours, minutes = (numbers[0], numbers[1]) if len(numbers) == 3 else (0, numbers[0])
    return int(days or 0) * 1440 + hours * 60 + minutes


def _number(text: str) -> int:
    """Return the number that a text begins with, such as `64000+`."""
    found = re.match(r"\d+", text)
    if found is None:
        raise ValueError(text)
    return int(found[0])


def _larger(one: Partition, other: Partition) -> Partition:
    return Partition(
        name=one.name,
        is_default=one.is_default,
        minutes=one.minutes,
        up=one.up or other.up,
        cpus=max(one.cpus, other.cpus),
        mem_mb=max(one.mem_mb, other.mem_mb),
        gpus=one.gpus or other.gpus,
    )
