"""The file of an exported experiment: its plan, what is known of each run, and test predictions, in one zip file.

It is read in place, and may come from anywhere: nothing in it is executed or unpacked. Four members are read by name,
each up to a size, and compared with the digests in the index.
"""

from __future__ import annotations

import hashlib
import io
import json
import shlex
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cmkd_bench.errors import UserError, shortened
from cmkd_bench.experiment.containment import NotJson, parse_bounded
from cmkd_bench.experiment.damage import Damaged, OtherVersion
from cmkd_bench.experiment.faults import size
from cmkd_bench.experiment.sealed import with_digest, without_digest
from cmkd_bench.experiment.spec import RESULTS_VERSION, RunSpec

ARCHIVE = "experiment.zip"
FETCH = "Get the file again, or export the experiment again where it was run."
FORMAT = 1
LARGEST = 2**28  # bytes of a member, and of the file; a run of a classifier takes about 3 kB before compression
_INDEX, _PLAN, _RUNS, _SAMPLES = _MEMBERS = ("index.json", "plan.json", "runs.jsonl", "samples.safetensors")
_LONGEST_DIRECTORY = 4096  # bytes; ours has about 250
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)
Values = Mapping[str, Any]


@dataclass(frozen=True)
class Archive:
    """The content of an exported experiment."""

    name: str  # of the experiment
    plan: dict[str, Any]  # its plan, as in plan.json
    specs: dict[str, RunSpec]  # by run id
    runs: dict[str, Values]  # by run id: result, cost, error, metrics and place in the samples, where there are any
    samples: bytes  # test predictions in the format of safetensors


class _Refused(Exception):
    """What is wrong with the file; the message continues a sentence that begins with its name."""


def pack(name: str, plan: Values, runs: Iterable[Values], samples: bytes) -> bytes:
    """Return the file; the same content gives the same bytes.

    Args:
        name: name of the experiment.
        plan: its plan as JSON values.
        runs: of each run its `spec`, and what else is known of it.
        samples: test predictions.

    Raises:
        UserError: if it would be too large to be read again.
    """
    members = {_PLAN: _text(plan), _RUNS: b"\n".join(map(_text, runs)), _SAMPLES: samples}
    for member, content in members.items():
        if len(content) > LARGEST:
            text = f"{member} has {size(len(content))}, and at most {size(LARGEST)} can be read again"
            raise UserError(f"experiment '{name}' is too large for one file: {text}. Export parts of the grid.")
    seals = {member: _digest(content) for member, content in members.items()}
    index = with_digest({"format": FORMAT, "version": RESULTS_VERSION, "experiment": name, "digests": seals})
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for member, content in {_INDEX: _text(index), **members}.items():
            file.writestr(zipfile.ZipInfo(member), content, zipfile.ZIP_DEFLATED, 9)
    return buffer.getvalue()


def read_bytes(path: Path) -> bytes:
    """Return the content of an exported experiment's file, which is not checked yet.

    Raises:
        Damaged: if it is too large to be one.
    """
    if (found := path.stat().st_size) > LARGEST:
        raise Damaged(path, f"has {size(found)}, more than the {size(LARGEST)} of the largest export", FETCH)
    return path.read_bytes()


def unpack(content: bytes, path: Path) -> Archive:
    """Return an exported experiment.

    Args:
        content: the bytes of the file.
        path: where they are from, for messages.

    Raises:
        Damaged: if they are not those of an exported experiment, or were changed.
        OtherVersion: if another version of cmkd-bench wrote them.
    """
    try:
        members = _members(content)
        index = _object(_INDEX, members.pop(_INDEX))
        if index.get("format") != FORMAT or index.get("version") != RESULTS_VERSION:
            raise OtherVersion(path, index.get("version"), RESULTS_VERSION)
        seals = without_digest(path, index, FETCH)["digests"]
        if changed := [name for name, found in members.items() if seals.get(name) != _digest(found)]:
            raise _Refused(f"was changed: {changed[0]} does not match its digest")
        specs, runs = _runs(members[_RUNS])
        plan = _object(_PLAN, members[_PLAN])
        _check_commands(study["command"] for study in plan.get("studies", ()))
        return Archive(str(index["experiment"]), plan, specs, runs, members[_SAMPLES])
    except (_Refused, *_BROKEN) as error:
        reason = str(error) if isinstance(error, _Refused) else f"is not the file of an exported experiment: {error}"
        raise Damaged(path, reason, FETCH) from None
    except (KeyError, TypeError, AttributeError):
        raise Damaged(path, "does not contain what an exported experiment has", FETCH) from None


def _members(content: bytes) -> dict[str, bytes]:
    """Return the content of the four members by name; the directory is short, so reading it is cheap."""
    end = content[-22:]  # without a comment
    is_whole = len(end) == 22 and end[:4] == b"PK\5\6" and content[-42:-38] != b"PK\6\7"
    if not is_whole or struct.unpack("<L", end[12:16])[0] > _LONGEST_DIRECTORY:
        raise _Refused("is not the file of an exported experiment")
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        found = file.infolist()
        if sorted(one.filename for one in found) != sorted(_MEMBERS):
            raise _Refused(f"contains other files than {', '.join(_MEMBERS)}, each once")
        return {one.filename: _content(file, one) for one in found}


def _content(file: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    if stat.S_ISLNK(member.external_attr >> 16):
        raise _Refused(f"contains a link: {member.filename}")
    if member.compress_type not in _COMPRESSIONS or member.file_size > LARGEST:
        raise _Refused(f"contains {member.filename} compressed by another method, or larger than {size(LARGEST)}")
    with file.open(member) as opened:  # reads no more than the size that was checked
        return opened.read(LARGEST)


def _runs(content: bytes) -> tuple[dict[str, RunSpec], dict[str, Values]]:
    specs: dict[str, RunSpec] = {}
    runs: dict[str, Values] = {}
    for line in content.splitlines():
        values = _object(_RUNS, line)
        spec = RunSpec.from_json(values.pop("spec"))
        if spec.version != RESULTS_VERSION:
            raise _Refused(f"contains a run whose results have version {spec.version}")
        specs[spec.id], runs[spec.id] = spec, values
    return specs, runs


def _check_commands(commands: Iterable[str]) -> None:
    """Check that no other command is shown to a reader, who may repeat it, than one that runs a grid."""
    for command in filter(None, commands):
        words = shlex.split(command)
        if words[:2] != ["cmkd-bench", "run"] or shlex.join(words) != command:
            raise _Refused(f"contains a command that does not run a grid: {shortened(command)}")


def _object(member: str, content: bytes) -> dict[str, Any]:
    try:
        values = parse_bounded(content)
    except NotJson as error:
        raise _Refused(f"cannot be read: {member} {error}") from None
    if not isinstance(values, dict):
        raise _Refused(f"cannot be read: {member} contains no object")
    return values


def _text(values: Values) -> bytes:
    return json.dumps(values, separators=(",", ":"), ensure_ascii=True).encode()


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
