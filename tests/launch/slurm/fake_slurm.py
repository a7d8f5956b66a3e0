"""SLURM's commands as far as the launcher uses them, played from a state file; called by the name of the link to it."""

import json
import os
import re
import signal
import sys
import time
from pathlib import Path

FILE = Path(os.environ["FAKE_SLURM"])


def main() -> int:
    name, arguments = Path(sys.argv[0]).name, sys.argv[1:]
    state = json.loads(FILE.read_text())
    state["calls"].append([name, *arguments])
    _write(state)
    if name in state["silent"]:
        print(f"{name}: error: Unable to contact slurm controller", file=sys.stderr)
        return 1
    time.sleep(state["hang"].get(name, 0))
    if name in state["answers"]:
        sys.stdout.buffer.write(state["answers"][name].encode("latin-1"))
        return 0
    return COMMANDS[name](state, arguments)


def _write(state: dict) -> None:
    """By rename: the test reads it meanwhile."""
    FILE.with_suffix(".tmp").write_text(json.dumps(state))
    FILE.with_suffix(".tmp").replace(FILE)


def sbatch(state: dict, arguments: list[str]) -> int:
    number = sum(call[0] == "sbatch" for call in state["calls"])
    if state["kill_before"] == number:
        os.kill(os.getppid(), signal.SIGKILL)
        return 1
    options = dict(re.findall(r"^#SBATCH --([\w-]+)(?:=(.*))?$", Path(arguments[-1]).read_text(), re.MULTILINE))
    if state["refuse"] == number:
        print("sbatch: error: Batch job submission failed: Invalid account", file=sys.stderr)
        return 1
    job = str(state["next"])
    state["next"] += 1
    count = int(re.match(r"0-(\d+)", options["array"])[1]) + 1 if "array" in options else 0
    if count > state["max_array"]:
        print("sbatch: error: Batch job submission failed: Invalid job array specification", file=sys.stderr)
        return 1
    for one in [f"{job}_{index}" for index in range(count)] or [job]:
        waits = "Dependency" if "dependency" in options else "Priority"
        state["jobs"][one] = {"state": "PENDING", "reason": waits, "options": options, "order": len(state["jobs"])}
    _write(state)
    if state["kill_after"] == number:
        os.kill(os.getppid(), signal.SIGKILL)
    print(f"Submitted batch job {job}")
    return 0


def squeue(state: dict, arguments: list[str]) -> int:
    for job, one in state["jobs"].items():
        if not one.get("purged"):
            name = one["options"]["job-name"]
            print(f"{job}|{one['state']}|{one['reason'] or 'None'}|{one.get('node', '')}|{name}")
    return 0


def sacct(state: dict, arguments: list[str]) -> int:
    if not state["accounting"]:
        print("Slurm accounting storage is disabled", file=sys.stderr)
        return 1
    wanted = arguments[arguments.index("-j") + 1].split(",")
    for job, one in state["jobs"].items():
        if job.partition("_")[0] in wanted:
            print(f"{job}|{one['state']}")
    return 0


def scancel(state: dict, arguments: list[str]) -> int:
    for job, one in state["jobs"].items():
        if {job, job.partition("_")[0]} & set(arguments) and one["state"] in ("PENDING", "RUNNING"):
            one.update(state="CANCELLED", reason="")
    _write(state)
    return 0


def scontrol(state: dict, arguments: list[str]) -> int:
    if arguments[0] == "requeue":
        state["jobs"][arguments[1]].update(state="PENDING", reason="BeginTime")
        _write(state)
        return 0
    if arguments == ["-o", "show", "jobs"]:
        known = {job: one for job, one in state["jobs"].items() if not one.get("purged")}
        for job, one in known.items():
            array, _, task = job.partition("_")
            place = f" ArrayJobId={array} ArrayTaskId={task}" if task else ""
            print(f"JobId={array}{place} JobName={one['options']['job-name']} UserId=me(1) JobState={one['state']}")
        if not known:
            print("No jobs in the system")
        return 0
    print(f"Configuration data as of now\nMaxArraySize            = {state['max_array'] + 1}\nMaxJobCount = 10000")
    return 0


def sinfo(state: dict, arguments: list[str]) -> int:
    print("\n".join(state["partitions"]))
    return 0


COMMANDS = {
    "sbatch": sbatch,
    "squeue": squeue,
    "sacct": sacct,
    "scancel": scancel,
    "scontrol": scontrol,
    "sinfo": sinfo,
}

if __name__ == "__main__":
    sys.exit(main())
