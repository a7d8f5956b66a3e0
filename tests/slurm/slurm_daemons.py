"""The daemons of a small SLURM cluster: their configuration, and how they are started and ended."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PACKAGES = ("slurm-wlm", "munge", "slurmdbd", "mariadb-server")
PROGRAMS = ("slurmctld", "slurmd", "sbatch", "munged")
ACCOUNTING_PROGRAMS = ("slurmdbd", "sacct", "mariadbd", "mariadb-install-db")
SEARCHED = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def missing_programs(accounting: bool) -> list[str]:
    """What a cluster needs and this machine does not have."""
    wanted = PROGRAMS + (ACCOUNTING_PROGRAMS if accounting else ())
    return [name for name in wanted if shutil.which(name, path=SEARCHED) is None]


def free_ports(count: int) -> list[int]:
    """Loopback ports that nothing listens on; all are held until all are known, so that they differ."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


@dataclass(frozen=True)
class Settings:
    """What differs between test clusters.

    Attributes:
        accounting: whether sacct answers.
        max_array_size: jobs of an array have indices below it.
        min_job_age: seconds after which the controller forgets a job that is over.
        kill_wait: seconds between SIGTERM and SIGKILL.
        cpus: per node; declared, whatever the machine has.
        memory_mb: per node, likewise.
    """

    accounting: bool = False
    max_array_size: int = 1001
    min_job_age: int = 300
    kill_wait: int = 2
    cpus: int = 4
    memory_mb: int = 8000


def slurm_conf(folder: Path, nodes: Sequence[str], settings: Settings) -> str:
    """The text of slurm.conf; everything that SLURM writes lies in the folder."""
    controller, database, *ports = free_ports(2 + len(nodes))
    user, host = getpass.getuser(), socket.gethostname().partition(".")[0]
    accounting = (
        f"AccountingStorageType=accounting_storage/slurmdbd\nAccountingStorageHost=localhost\n"
        f"AccountingStoragePort={database}\nAccountingStoragePass={folder}/munge/socket\nJobAcctGatherType=jobacct_gather/linux"
        if settings.accounting
        else "AccountingStorageType=accounting_storage/none\nJobAcctGatherType=jobacct_gather/none"
    )
    lines = "\n".join(
        f"NodeName={name} NodeHostname=localhost NodeAddr=127.0.0.1 Port={port} CPUs={settings.cpus} "
        f"RealMemory={settings.memory_mb} State=UNKNOWN"
        for name, port in zip(nodes, ports, strict=True)
    )
    return f"""\
ClusterName=cmkd
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
SlurmctldParameters=preempt_send_user_signal
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=256
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_interval=1,batch_sched_delay=0
ReturnToService=2
MaxArraySize={settings.max_array_size}
MinJobAge={settings.min_job_age}
KillWait={settings.kill_wait}
InactiveLimit=0
SlurmdTimeout=60
{accounting}
{lines}
PartitionName=main Nodes={",".join(nodes)} Default=YES MaxTime=INFINITE State=UP
PartitionName=other Nodes={nodes[-1]} MaxTime=60 State=UP
"""


def slurmdbd_conf(folder: Path, port: int) -> str:
    """The text of slurmdbd.conf."""
    return f"""\
DbdHost=localhost
DbdPort={port}
SlurmUser={getpass.getuser()}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser={getpass.getuser()}
StorageLoc=accounting
LogFile={folder}/slurmdbd.log
PidFile={folder}/slurmdbd.pid
"""


class Daemons:
    """Processes that are ended together, the last one first, and that do not outlive this one.

    Args:
        folder: where their output goes.
        environment: what they see.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder, self._environment = folder, environment
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *command: str, **environment: str) -> None:
        """Start a daemon in the foreground of a session of its own; killed with this process, should that be killed."""
        with (self._folder / f"{name}.out").open("ab") as output:
            self._running[name] = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**self._environment, **environment},
                start_new_session=True,
            )

    def is_alive(self, name: str) -> bool:
        """Whether a daemon was started and has not ended."""
        return name in self._running and self._running[name].poll() is None

    def end(self, name: str, how: signal.Signals = signal.SIGTERM) -> None:
        """End one, and wait for it; one that does not listen is killed."""
        process = self._running.pop(name)
        process.send_signal(how)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def end_all(self) -> None:
        """End them in the reverse order of their start."""
        for name in reversed(list(self._running)):
            self.end(name)


def processes(belongs: Callable[[Mapping[str, str]], bool]) -> list[int]:
    """The processes whose first environment belongs, all that descend from them, and their step daemons."""
    found = {process.number: process for process in _all_processes()}
    chosen = {number for number, process in found.items() if belongs(process.environment)}
    while more := {number for number, process in found.items() if process.parent in chosen} - chosen:
        chosen |= more
    # A step daemon writes its title over its environment, and is known by its child alone.
    parents = {found[number].parent for number in chosen}
    chosen |= {number for number in parents if number in found and found[number].name == "slurmstepd"}
    return sorted(chosen - {os.getpid()})


@dataclass(frozen=True)
class _Process:
    number: int
    name: str
    parent: int
    environment: Mapping[str, str]


def _all_processes() -> Iterator[_Process]:
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            parts = (folder / "environ").read_bytes().split(b"\0")
            before, _, behind = (folder / "stat").read_text().rpartition(")")
        except OSError:  # gone meanwhile, or somebody else's
            continue
        pairs = (part.decode(errors="replace").partition("=") for part in parts if part)
        environment = {name: value for name, _, value in pairs}
        yield _Process(int(folder.name), before.partition("(")[2], int(behind.split()[1]), environment)


def kill_all(belongs: Callable[[Mapping[str, str]], bool], seconds: float = 10.0) -> None:
    """SIGKILL to all at once: they are stopped before, so that none sees another one die and has time to report it.

    Raises:
        TimeoutError: if something stays.
    """
    end = time.monotonic() + seconds
    stopped: set[int] = set()
    while more := set(processes(belongs)) - stopped:  # a step that was starting may have forked
        _signal(more, signal.SIGSTOP)
        stopped |= more
    _signal(stopped, signal.SIGKILL)
    while left := processes(belongs):
        if time.monotonic() > end:
            raise TimeoutError(f"processes {left} do not die")
        time.sleep(0.02)


def _signal(numbers: set[int], what: signal.Signals) -> None:
    for number in numbers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, what)
