"""The state of an experiment's runs: a table, what is running, and what failed with the command that tries again."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cmkd_bench.experiment.spec import RunSpec
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.launch.slurm.states import OUT_OF_MEMORY, TIME_OUT, TRANSIENT, Kind, RunStatus, by_cause, counts
from cmkd_bench.launch.slurm.survey import Survey

MOST_RUNNING = 12
_COLUMNS: tuple[Kind, ...] = ("done", "running", "queued", "waiting", "failed", "blocked", "unknown")
_STYLES = {"done": "green", "running": "cyan", "failed": "red", "blocked": "yellow", "unknown": "magenta"}


def summary(experiment: Experiment, seen: Survey) -> str:
    """One line: how many runs are in which state."""
    parts = [f"{count} {kind}" for kind, count in counts(seen.statuses.values()).items()]
    return f"{experiment.name}: {len(seen.statuses)} runs: {', '.join(parts)}"


def as_rich(experiment: Experiment, seen: Survey, *, place: str = "") -> RenderableType:
    """The whole picture.

    Args:
        experiment: which.
        seen: what is known of it.
        place: options that the printed commands need to find the experiment, e.g. ` --results DIR`.
    """
    running = [run_id for run_id, status in seen.statuses.items() if status.kind == "running"]
    parts: list[RenderableType] = [_table(seen), Text(summary(experiment, seen), style="bold")]
    parts += [_running(seen.specs[run_id], seen.statuses[run_id]) for run_id in running[:MOST_RUNNING]]
    if len(running) > MOST_RUNNING:
        parts.append(Text(f"  and {len(running) - MOST_RUNNING} more that are running", style="dim"))
    parts += _queued(seen)
    parts += [line for cause in by_cause(seen.statuses) for line in _failures(experiment, seen, cause, place)]
    parts += _blocked(seen)
    parts += [Text(f"note: {note}", style="yellow") for note in seen.notes]
    return Group(*parts)


def next_command(experiment: Experiment, seen: Survey, place: str = "") -> str:
    """What to do now."""
    kinds = {status.kind for status in seen.statuses.values()}
    if kinds & {"running", "queued", "unknown"}:
        return f"cmkd-bench watch {experiment.name}{place}"
    if "failed" in kinds:
        return f"cmkd-bench retry {experiment.name}{place}"
    if kinds <= {"done"}:
        return f"cmkd-bench collect {experiment.name}{place}"
    return "the same `cmkd-bench run` again submits what no job has"


def _table(seen: Survey) -> Table:
    rows: dict[tuple[str, str], list[RunStatus]] = {}
    for run_id, status in seen.statuses.items():
        spec = seen.specs[run_id]
        rows.setdefault((spec.dataset, spec.method), []).append(status)
    shown = [kind for kind in _COLUMNS if any(status.kind == kind for status in seen.statuses.values())]
    table = Table()
    for name in ("dataset", "method"):
        table.add_column(name, no_wrap=True)
    for kind in shown:
        table.add_column(kind, justify="right", style=_STYLES.get(kind, ""))
    for (dataset, method), statuses in rows.items():
        by_kind = counts(statuses)
        table.add_row(Text(dataset), Text(method), *(str(by_kind.get(kind) or "") for kind in shown))
    return table


def _running(spec: RunSpec, status: RunStatus) -> Text:
    epoch = f"epoch {status.epoch[0]}/{status.epoch[1] or '?'}"
    return Text(f"  {_name(spec)}: {epoch} {status.message}".rstrip(), style="dim", no_wrap=True)


def _queued(seen: Survey) -> list[Text]:
    """Why jobs wait, most frequent first."""
    reasons: dict[str, int] = {}
    for status in seen.statuses.values():
        if status.kind in ("queued", "waiting") and status.message:
            reason = status.message.partition(": ")[2] or "in a job that is running or over"
            reasons[reason] = reasons.get(reason, 0) + 1
    ordered = sorted(reasons.items(), key=lambda item: -item[1])
    return [Text(f"  {count} queued or waiting: {reason}", style="dim") for reason, count in ordered[:5]]


def _failures(experiment: Experiment, seen: Survey, cause: str, place: str) -> Sequence[Text]:
    run_ids = by_cause(seen.statuses)[cause]
    first = run_ids[0]
    unasked = "; `run` submits them again by itself" if cause in TRANSIENT else ""
    lines = [
        Text(f"{len(run_ids)} failed: {cause}{unasked}", style="red"),
        Text(f"  {_name(seen.specs[first])} ({first}): {seen.statuses[first].message}"),
    ]
    if first in seen.logs:
        lines.append(Text(f"  log:   {seen.logs[first]}", no_wrap=True, overflow="ignore"))
        command = f"cmkd-bench retry {experiment.name} --cause '{cause}'{_change(seen, first)}{place}"
    else:
        lines.append(Text(f"  error: {experiment.run(first).error}", no_wrap=True, overflow="ignore"))
        command = "the command that began it, with --retry-failed"
    return [*lines, Text(f"  again: {command}", no_wrap=True, overflow="ignore")]


def _change(seen: Survey, run_id: str) -> str:
    """The setting that helps against a cause: twice of what there was too little of."""
    status, profile = seen.statuses[run_id], seen.profiles[run_id]
    if status.cause == TIME_OUT:
        return f" launcher.timeout_min={2 * profile.timeout_min}"
    if status.cause == OUT_OF_MEMORY and profile.mem_gb and "CUDA" not in status.message:
        return f" launcher.mem_gb={2 * profile.mem_gb:g}"
    return ""


def _blocked(seen: Survey) -> list[Text]:
    reasons: dict[str, int] = {}
    for status in seen.statuses.values():
        if status.kind == "blocked":
            reasons[status.message] = reasons.get(status.message, 0) + 1
    return [Text(f"{count} blocked: {reason}", style="yellow") for reason, count in reasons.items()]


def _name(spec: RunSpec) -> str:
    direction = f"{spec.teacher_modality} → {spec.student_modality}" if spec.teacher_modality else spec.student_modality
    return f"{spec.method} {spec.dataset} {direction}, seed {spec.seed}"
