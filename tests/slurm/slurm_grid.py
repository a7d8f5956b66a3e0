"""A small grid on mfeat that the tests run on a cluster and, for comparison, on this machine."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from slurm_cluster import PATIENCE, Cluster

PLUGIN = Path(__file__).parent.parent / "plugins" / "delicate.py"
COMPARED = ("result.json", "history.json", "predictions.safetensors", "student.safetensors", "spec.json")
# Small jobs, so that several run at once on two nodes; no signal counts as a time-out where none is meant.
SMALL = (
    "launcher.device=cpu",
    "launcher.gpus=0",
    "launcher.cpus=1",
    "launcher.mem_gb=1",
    "launcher.timeout_min=30",
    "launcher.checkpoint_seconds=0",
)


@dataclass
class Grid:
    """Commands about one experiment.

    Attributes:
        folder: holds its results.
        cluster: where it runs.
        methods: names separated by commas; the student alone is always there.
        epochs: of each run.
        options: further arguments of `run`.
        environment: what commands and jobs see besides.
    """

    folder: Path
    cluster: Cluster
    methods: str = "kd,dkd"
    epochs: int = 3
    options: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)

    def arguments(self, *more: str) -> list[str]:
        """The command that runs the grid, without its launcher."""
        grid = ["--methods", self.methods, "--datasets", "mfeat", "--pairs", "pixels:fourier", "--seeds", "1"]
        where = ["--results", str(self.folder), "--experiment", "grid", "--no-controls", "--plugin", str(PLUGIN)]
        settings = [f"train.epochs={self.epochs}", "model.student=delicate", "model.teacher=delicate"]
        return ["run", *settings, *grid, *where, *self.options, *more]

    def submit(self, *settings: str, code: int = 0) -> str:
        """`run --launcher slurm`; returns what it printed."""
        return self.call(*self.arguments("--launcher", "slurm", *SMALL, *settings), code=code)

    def run_here(self, *more: str) -> str:
        """`run` on this machine."""
        return self.call(*self.arguments("--jobs", "2", "launcher.checkpoint_seconds=0", *more))

    def call(self, *arguments: str, code: int = 0) -> str:
        """A command of cmkd-bench; its output and complaints.

        Raises:
            AssertionError: if it ends with another exit code.
        """
        done = self.start(*arguments)
        said, _ = done.communicate(timeout=PATIENCE)
        assert done.returncode == code, f"{' '.join(arguments)}: exit code {done.returncode}\n{said}"
        return said

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """A command that is left to itself."""
        return subprocess.Popen(
            [sys.executable, "-m", "cmkd_bench", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**self.cluster.environment, "COLUMNS": "200", **self.environment, **environment},
        )

    def about(self, command: str, *more: str, code: int = 0) -> str:
        """`status`, `cancel` and the like."""
        return self.call(command, "grid", "--results", str(self.folder), *more, code=code)

    @contextmanager
    def braked(self, seconds: float) -> Iterator[None]:
        """Each training step takes so much longer within the block, of commands that are given there and their jobs."""
        brake = self.folder / "brake"
        self.environment |= {"DELICATE_SLEEP": str(seconds), "DELICATE_BRAKE": str(brake)}
        brake.touch()
        try:
            yield
        finally:
            brake.unlink()

    def finish(self) -> None:
        """Wait until the cluster has nothing to do any more."""
        self.cluster.wait_until_empty()

    def runs(self) -> Iterator[Path]:
        """The folders of all runs."""
        yield from sorted((self.folder / "grid" / "runs").glob("[0-9a-f]*"))

    def bytes(self) -> dict[str, bytes]:
        """What must not depend on where, and how often interrupted, the grid was run."""
        files = {f"{run.name}/{name}": run / name for run in self.runs() for name in COMPARED}
        board = {name: self.folder / "grid" / name for name in ("leaderboard.md", "leaderboard.csv")}
        return {name: path.read_bytes() if path.exists() else b"absent" for name, path in {**files, **board}.items()}

    def spec(self, run: Path) -> dict[str, object]:
        """What a run is."""
        values: dict[str, object] = json.loads((run / "spec.json").read_text())
        return values

    def checkpoints(self) -> list[Path]:
        """Of the runs that are under way."""
        return [run / "checkpoint.pt" for run in self.runs() if (run / "checkpoint.pt").exists()]

    def errors(self) -> dict[str, str]:
        """By run: the cause of its failure, as it wrote it itself."""
        files = {run.name: run / "error.json" for run in self.runs()}
        return {name: json.loads(file.read_text())["cause"] for name, file in files.items() if file.exists()}
