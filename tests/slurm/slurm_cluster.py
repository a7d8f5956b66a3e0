"""A real SLURM cluster of two nodes on this machine, in a temporary folder, on loopback ports of its own."""

from __future__ import annotations

import getpass
import os
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from slurm_daemons import SEARCHED, Daemons, Settings, kill_all, slurm_conf, slurmdbd_conf

NODES = ("n1", "n2")
PATIENCE = 300.0  # seconds: a busy machine is slow, and only a failure waits so long
MARK = "CMKD_TEST_NODE"  # in the environment of a node's slurmd, which its step daemons inherit


class Cluster:
    """Commands to a running cluster, and the accidents that may befall it.

    Args:
        folder: holds everything.
        settings: how it is configured.

    Attributes:
        environment: what commands need to reach this cluster and no other.
    """

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder, self.settings = folder, settings
        # Nothing of a cluster that this machine may belong to.
        outside = {
            name: text for name, text in os.environ.items() if not name.startswith(("SLURM", "SBATCH", "SQUEUE"))
        }
        self.environment = {**outside, "SLURM_CONF": str(folder / "slurm.conf"), "PATH": SEARCHED}
        self._daemons = Daemons(folder, self.environment)

    def start(self) -> None:
        """Start all daemons; returns when both nodes are idle."""
        (self.folder / "slurm.conf").write_text(slurm_conf(self.folder, NODES, self.settings))
        for name in ("munge", "state", *(f"spool-{node}" for node in NODES)):
            (self.folder / name).mkdir()
        self._start_munge()
        if self.settings.accounting:
            self._start_accounting()
        self.start_controller()
        for node in NODES:
            self._start_node(node)
        self.wait_until(lambda: all(self.node_state(node) == "idle" for node in NODES), "both nodes are idle")

    def stop(self) -> None:
        """End all daemons and whatever is left of jobs."""
        self._daemons.end_all()
        kill_all(self._is_ours)

    def start_controller(self) -> None:
        """Start slurmctld; it remembers what it knew before."""
        self._daemons.start("slurmctld", "slurmctld", "-D", "-i")
        self.wait_until(lambda: self._answers("scontrol", "ping"), "slurmctld answers")

    def stop_controller(self) -> None:
        """Stop slurmctld: no command answers any more, jobs go on."""
        self._daemons.end("slurmctld")

    def call(self, *command: str) -> str:
        """What a command prints.

        Raises:
            AssertionError: with its output, if it fails.
        """
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE, env=self.environment, check=False
        )
        assert done.returncode == 0, f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def queue(self) -> dict[str, tuple[str, str]]:
        """State and reason of all jobs that are not over, by id (`101` or `101_0`)."""
        lines = self.call("squeue", "--noheader", "--array", "--format=%i %T %r").splitlines()
        return {job: (state, reason) for job, state, reason in (line.split(" ", 2) for line in lines)}

    def running(self) -> list[str]:
        """Ids of the jobs that are running."""
        return [job for job, (state, _) in self.queue().items() if state == "RUNNING"]

    def is_at_rest(self) -> bool:
        """Whether every job waits; one that is COMPLETING no longer counts as running, and its processes still do."""
        return all(state == "PENDING" for state, _ in self.queue().values())

    def job(self, job: str) -> dict[str, str]:
        """What the controller knows of a job; empty when it has forgotten it."""
        done = subprocess.run(
            ["scontrol", "--oneliner", "show", "job", job], capture_output=True, text=True, env=self.environment
        )
        first = next(iter(done.stdout.splitlines()), "")
        return dict(re.findall(r"(\S+?)=(\S*)", first)) if done.returncode == 0 else {}

    def node_state(self, node: str) -> str:
        """E.g. idle, mixed, allocated, down."""
        return self.call("sinfo", "--noheader", f"--nodes={node}", "--partition=main", "--format=%T").strip()

    def kill_node(self, node: str) -> None:
        """As if the power went: SIGKILL to slurmd, its step daemons and all processes of its jobs; the node is down."""
        kill_all(lambda environment: self._is_ours(environment) and _node_of(environment) == node)
        self._daemons.end(f"slurmd-{node}", signal.SIGKILL)
        self.call("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=killed")

    def revive_node(self, node: str) -> None:
        """Bring a node back that was killed."""
        before = self._started(node)
        self._start_node(node)
        # Told to resume before it has registered, it would get jobs that are then taken for lost, because it knows
        # nothing of them; once it has, ReturnToService=2 makes it available.
        self.wait_until(lambda: self._started(node) != before, f"{node} has registered")
        self.wait_until(lambda: self.node_state(node) in ("idle", "mixed", "allocated"), f"{node} is back")
        # The controller goes on telling a dead node to end its jobs; told when it is back, it would end them once more.
        self.wait_until(self._has_told_all, f"{node} has been told what befell its jobs")

    @contextmanager
    def held(self) -> Iterator[None]:
        """No job starts within the block."""
        for node in NODES:
            self.call("scontrol", "update", f"NodeName={node}", "State=DRAIN", "Reason=held")
        try:
            yield
        finally:
            for node in NODES:
                self.call("scontrol", "update", f"NodeName={node}", "State=RESUME")

    def requeue(self, job: str) -> None:
        """Preempt a job: it goes back into the queue."""
        self.call("scontrol", "requeue", job)

    def shorten(self, job: str) -> None:
        """Lower a job's time limit to a minute, at most, from now; SLURM looks at limits every half minute."""
        hours, minutes, _ = map(int, self.job(job)["RunTime"].split(":"))
        self.call("scontrol", "update", f"JobId={job}", f"TimeLimit={60 * hours + minutes + 1}")

    def skip_delays(self) -> None:
        """SLURM lets a requeued job wait for two minutes; start those that wait now."""
        for job, (state, reason) in self.queue().items():
            if state == "PENDING" and reason == "BeginTime":
                self.call("scontrol", "update", f"JobId={job}", "StartTime=now")

    def cancel_all(self) -> None:
        """Cancel every job and wait until none is left."""
        self.call("scancel", f"--user={getpass.getuser()}")
        self.wait_until(lambda: not self.queue(), "the queue is empty")

    def wait_until(
        self,
        condition: Callable[[], object],
        what: str,
        *,
        seconds: float = PATIENCE,
        interval: float = 0.1,
        hurry: bool = False,
    ) -> None:
        """Wait for a condition.

        Args:
            condition: looked at again and again.
            what: completes the sentence "waited in vain until".
            seconds: how long at most.
            interval: seconds between two looks.
            hurry: whether requeued jobs start without SLURM's delay meanwhile.

        Raises:
            AssertionError: with all that is known of the cluster, if the condition is not met in time.
        """
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"waited {seconds:.0f} s in vain until {what}\n{self.describe()}")
            if hurry:
                self.skip_delays()
            time.sleep(interval)

    def wait_until_empty(self) -> None:
        """Until no job is left; requeued ones start without delay."""
        self.wait_until(lambda: not self.queue(), "no job is left", interval=0.3, hurry=True)

    def describe(self, lines: int = 25) -> str:
        """Queue, jobs, nodes and the ends of the logs, for a failed test's message."""
        parts = [
            self._output("squeue", "--array"),
            self._output("scontrol", "show", "job"),
            self._output("sinfo", "-N"),
        ]
        for log in sorted(self.folder.glob("*.out")):
            tail = log.read_text(errors="replace").splitlines()[-lines:]
            parts.append("\n".join([f"== {log.name}", *tail]))
        return "\n".join(parts)

    def _start_munge(self) -> None:
        folder = self.folder / "munge"
        (folder / "key").touch(mode=0o600)
        (folder / "key").write_bytes(secrets.token_bytes(128))
        files = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        options = [f"--{option}={folder / name}" for option, name in files.items()]
        self._daemons.start("munged", "munged", "--foreground", "--force", *options)
        self.wait_until((folder / "socket").exists, "munged answers")

    def _start_accounting(self) -> None:
        data, where = self.folder / "database", self.folder / "database.socket"
        user = getpass.getuser()
        install = ["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--skip-test-db", f"--user={user}"]
        self.call(*install, "--auth-root-authentication-method=normal")
        database = ["mariadbd", "--no-defaults", f"--datadir={data}", f"--socket={where}", f"--user={user}"]
        self._daemons.start("mariadbd", *database, "--skip-networking", "--innodb-buffer-pool-size=64M")
        self.wait_until(where.exists, "mariadbd answers")
        (port,) = re.findall(r"AccountingStoragePort=(\d+)", (self.folder / "slurm.conf").read_text())
        configuration = self.folder / "slurmdbd.conf"
        configuration.touch(mode=0o600)
        configuration.write_text(slurmdbd_conf(self.folder, int(port)))
        self._daemons.start("slurmdbd", "slurmdbd", "-D", MYSQL_UNIX_PORT=str(where))
        self.wait_until(lambda: self._answers("sacctmgr", "--noheader", "show", "cluster"), "slurmdbd answers")

    def _start_node(self, node: str) -> None:
        self._daemons.start(f"slurmd-{node}", "slurmd", "-D", "-N", node, **{MARK: node})

    def _started(self, node: str) -> str:
        """When its slurmd began, as the controller knows since it registered."""
        found = re.search(r"SlurmdStartTime=(\S+)", self.call("scontrol", "show", "node", node))
        return found[1] if found else ""

    def _has_told_all(self) -> bool:
        """Whether no message of the controller to a node is on its way."""
        waiting = re.findall(r"^Agent (?:queue size|count): +(\d+)", self.call("sdiag"), re.MULTILINE)
        assert len(waiting) == 2
        return set(waiting) == {"0"}

    def _is_ours(self, environment: Mapping[str, str]) -> bool:
        return environment.get("SLURM_CONF") == self.environment["SLURM_CONF"] and _node_of(environment) is not None

    def _answers(self, *command: str) -> bool:
        done = subprocess.run(command, capture_output=True, env=self.environment, timeout=PATIENCE)
        return done.returncode == 0

    def _output(self, *command: str) -> str:
        try:
            done = subprocess.run(command, capture_output=True, text=True, env=self.environment, timeout=10)
        except subprocess.TimeoutExpired:
            return f"== {' '.join(command)}: no answer"
        return f"== {' '.join(command)}\n{done.stdout}{done.stderr}"


@contextmanager
def running_cluster(settings: Settings) -> Iterator[Cluster]:
    """A cluster within the block; nothing of it is left behind."""
    # Short, because a socket's path has at most 108 characters; readable, because munged insists on it.
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    folder.chmod(0o755)
    cluster = Cluster(folder, settings)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder)


def _node_of(environment: Mapping[str, str]) -> str | None:
    return environment.get(MARK) or environment.get("SLURMD_NODENAME")
