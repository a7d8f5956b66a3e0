"""A downloaded dataset in miniature from its media to the leaderboard, under the protocol of the real one."""

from __future__ import annotations

from benchmarks.gpu._grids import command, miniature, report_runs
from benchmarks.gpu._part import Part, run_part

SMALL = ("protocol=smoke", "model=tiny", "train.epochs=1")
FAIR = ("protocol=fair", "train.epochs=2", "launcher.checkpoint_seconds=20")


def main(part: Part) -> None:
    """Fixture, prepare, run, leaderboard, report: of the dataset that is asked for."""
    name, settings = part.what, SMALL if part.is_small else FAIR
    places = miniature(part, name, 32 if part.is_small else 96, [one for one in settings if "protocol" in one])
    if places is None:
        return
    results = part.folder / "results"
    place = ["--experiment", name, "--results", str(results)]
    grid = ["--datasets", name, "--seeds", "1", "--device", part.device, "--jobs", "2" if part.is_small else "0"]
    fewer = ["--methods", "kd,c2kd", "--no-controls"] if part.is_small else []
    kept_back = 5 if part.is_small else 35  # for the tables of what was done
    command(part, "run", *settings, *grid, *fewer, *place, what=f"run {name}", seconds=part.left - kept_back, **places)
    about = [name, "--results", str(results)]
    if not (results / name / "runs.csv").exists():
        command(part, "collect", *about, what="collect")
    with part.attempt("results"):
        report_runs(part, results / name)
    command(part, "leaderboard", *about, what="leaderboard")
    with part.attempt("leaderboard"):
        part.row("leaderboard", of=name, details=(results / name / "leaderboard.md").read_text())
    if part.is_small and part.left < 15:
        return
    command(part, "report", *about, what="report")
    shown = ["diagnose", name, "--experiment", name, "--results", str(results), "--format", "svg"]
    for device in dict.fromkeys((part.device, "cpu")):
        command(part, *shown, "--device", device, what=f"diagnose on {device}", **places)


if __name__ == "__main__":
    run_part(main)
