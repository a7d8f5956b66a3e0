"""JSON files that contain a digest of their own content, and digests of other files.

A digest finds accidents: a torn write, a flipped bit, a number edited by hand. It does not find a forger, who can
compute it too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cmkd_bench.experiment.damage import RERUN, Damaged
from cmkd_bench.experiment.files import read_object, write_json

DIGEST = "digest"
_DIGEST_BYTES = 16
FileSeal = dict[str, Any]


def write_sealed(path: Path, values: Mapping[str, Any], *, durable: bool = True) -> None:
    """Write a JSON object by rename, with a digest of its content."""
    write_json(path, with_digest(values), durable=durable)


def with_digest(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON object with a digest of its content."""
    content = {name: value for name, value in values.items() if name != DIGEST}
    return {**content, DIGEST: _digest_of(content)}


def without_digest(path: Path, values: Mapping[str, Any], repair: str) -> dict[str, Any]:
    """Return the content of an object that `with_digest` returned.

    Raises:
        Damaged: if it was changed, with the path and what to do about it.
    """
    content = {name: value for name, value in values.items() if name != DIGEST}
    digest = values.get(DIGEST)
    if digest is None:
        raise Damaged(path, "has no digest of its content", repair)
    if digest != _digest_of(content):
        raise Damaged(path, "was changed: its content does not match its digest", repair)
    return content


def read_sealed(path: Path, run_id: str | None = None, repair: str = RERUN) -> dict[str, Any]:
    """Read what `write_sealed` wrote.

    Args:
        path: the file.
        run_id: the run whose file it should be; None if it does not belong to a run.
        repair: what to do if it is damaged.

    Raises:
        Damaged: if it is missing or unreadable, was changed, or belongs to another run.
    """
    values = without_digest(path, read_object(path, repair), repair)
    if run_id is not None and values.get("run_id") != run_id:
        raise Damaged(path, f"belongs to run {values.get('run_id')}", repair)
    return values


def read_of_run(path: Path) -> dict[str, Any]:
    """Read a sealed file in the folder of a run, which is named after the run."""
    return read_sealed(path, path.parent.name)


def seal_of(path: Path) -> FileSeal:
    """Return the size and digest of a file."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, _hash).hexdigest()
    return {"bytes": path.stat().st_size, "blake2b": found}


def check_file(path: Path, seal: FileSeal, *, read: bool = True) -> None:
    """Compare a file with the size and digest that were recorded when it was written.

    Args:
        path: the file.
        seal: what `seal_of` returned then.
        read: whether to read the file; if not, only its size is compared.

    Raises:
        Damaged: if it differs.
    """
    try:
        size = path.stat().st_size
        if size != seal["bytes"]:
            raise Damaged(path, f"has {size} bytes instead of {seal['bytes']}")
        if read and seal_of(path) != seal:
            raise Damaged(path, "was changed: its content does not match its digest in result.json")
    except FileNotFoundError:
        raise Damaged(path, "is missing") from None


def _hash() -> Any:
    return hashlib.blake2b(digest_size=_DIGEST_BYTES)


def _digest_of(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).hexdigest()
