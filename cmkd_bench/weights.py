"""Pretrained weights: their location on this machine, their identity, and their tensors.

Importing this module does not import torch.
"""

from __future__ import annotations

import functools
import hashlib
import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cmkd_bench.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

HUB = "hub"
_SUFFIXES = (".safetensors", ".pth")
_INSIDE = ("model.safetensors", "pytorch_model.bin")
# What else a network reads from a folder: its configuration and its tokenizer.
_BESIDE = ("config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt", "vocab.json", "merges.txt")
_HASH = "sha256:"


def weights_id(setting: bool | str, model: str) -> str:
    """Return the identity of a model's weights, as a run's record keeps it.

    Args:
        setting: value of `model.pretrained`: False, True for the hub's weights, or a path (see `find`).
        model: its name without the family. One that is the path of a folder has that folder's weights, whatever other
            path is set.

    Returns:
        "" for random weights, "hub", or "sha256:" and 12 hexadecimal digits of the content.

    Raises:
        UserError: if there are no weights for the model at the path; the message lists the expected files.
    """
    if setting is False:
        return ""
    if setting is True and not is_path(model):
        return HUB
    return content_hash(_found(Path(str(setting)).expanduser(), model))


def local_weights(pretrained: str, network: str, root: Path | None) -> Path:
    """Find the file or folder with a network's weights.

    Args:
        pretrained: "sha256:..." from `weights_id`.
        network: its name, `<family>/<model>`.
        root: the file or folder of `model.pretrained`; None if it was not given.

    Raises:
        UserError: if the path does not exist, or has other weights or none.
    """
    model = network.partition("/")[2]
    if root is None and not is_path(model):
        raise UserError(
            f"network '{network}' was planned with the local weights {pretrained}, but their path is "
            "unknown. Set model.pretrained, or the variable CMKD_WEIGHTS, to their path."
        )
    path = _found(root or Path(), model)
    if (found := content_hash(path)) != pretrained:
        raise UserError(
            f"network '{network}' was planned with the weights {pretrained}, but {path} contains {found}. "
            "Restore the old weights, or start a new experiment for the new ones."
        )
    return path


def is_path(model: str) -> bool:
    """Return whether what follows the family's name is the path of a folder rather than a model's name."""
    return model.startswith(("/", "./", "../", "~"))


def find(root: Path, model: str) -> Path | None:
    """Find a model's weights: the root itself if it is a file or contains weights, else what is named after the model.

    Returns:
        A file with the suffix .safetensors or .pth, or a folder with model.safetensors or pytorch_model.bin in it.
    """
    if is_path(model):
        root = Path(model).expanduser()
    return next((path for path in (root, *_candidates(root, model)) if _is_weights(path)), None)


def _candidates(root: Path, model: str) -> Iterator[Path]:
    names = dict.fromkeys([model, model.rpartition("/")[2]])  # bert-base-uncased as well as google-bert/...
    for name in () if is_path(model) or ".." in Path(model).parts else names:
        yield from (root / f"{name}{suffix}" for suffix in _SUFFIXES)
        yield root / name


def _is_weights(path: Path) -> bool:
    return path.suffix in _SUFFIXES if path.is_file() else any((path / name).is_file() for name in _INSIDE)


def _found(root: Path, model: str) -> Path:
    if path := find(root, model):
        return path
    inside = " or ".join(_INSIDE)
    if is_path(model):
        raise UserError(f"no weights in {Path(model).expanduser()}: expected {inside}.")
    files = ", ".join(str(path.relative_to(root)) for path in _candidates(root, model))
    state = "contains no weights" if root.exists() else "does not exist"
    raise UserError(
        f"model.pretrained={root} {state} for '{model}'. Expected a *.safetensors or *.pth file, or a folder with one "
        f"of {files}; a model's folder must contain {inside}. For random weights: model.pretrained=false"
    )


def weights_file(path: Path) -> Path:
    """Return the file with the tensors: the path itself, or the one in the folder."""
    return path if path.is_file() else next(path / name for name in _INSIDE if (path / name).is_file())


def content_hash(path: Path) -> str:
    """Hash a file, or the weights, configuration and tokenizer of a folder: "sha256:" and 12 hexadecimal digits."""
    if path.is_file():
        return _HASH + _digest(path)[:12]
    parts = [weights_file(path), *(path / name for name in _BESIDE if (path / name).is_file())]
    listing = "\n".join(f"{part.name} {_digest(part)}" for part in parts)
    return _HASH + hashlib.sha256(listing.encode()).hexdigest()[:12]


def _digest(path: Path) -> str:
    state = path.stat()
    return _digest_once(path, state.st_size, state.st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _digest_once(path: Path, size: int, changed: int) -> str:
    """Hash a file once: half a gigabyte for each run of a worker would take longer than some runs."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a weights file by name. Nothing but tensors is ever unpickled.

    Raises:
        UserError: if the file cannot be read or contains anything but tensors.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = weights_file(path)
    try:
        if path.suffix == ".safetensors":
            found: Any = load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path} was not loaded: it is damaged or contains more than tensors, and loading it could run unknown "
            "code. Save only the tensors, preferably as .safetensors."
        ) from error
    except (SafetensorError, OSError, RuntimeError, EOFError, ValueError) as error:
        raise UserError(f"{path} cannot be read as a weights file: {first_line(error)}") from error
    for key in ("state_dict", "model"):
        found = found.get(key, found) if isinstance(found, Mapping) else found
    is_named = isinstance(found, Mapping) and all(isinstance(value, torch.Tensor) for value in found.values())
    if not is_named or not found:
        raise UserError(f"{path} is not a weights file: it does not contain tensors by name.")
    return dict(found)


def unavailable(network: str, error: Exception, beside: str = "") -> UserError:
    """Return the error for a hub's weights that are not available.

    Args:
        network: its name, `<family>/<model>`.
        error: error of the hub's client.
        beside: what else a folder of the model must contain, with a leading space.
    """
    name = network.rpartition("/")[2]
    return UserError(
        f"network '{network}': the hub's files are not available ({first_line(error)}). "
        f"Use a local copy, model.pretrained=/path/to/folder, with {name}.safetensors, {name}.pth or "
        f"{name}/model.safetensors{beside} in the folder; or start from random weights, model.pretrained=false."
    )


def misfit(network: str, path: Path | str, reason: str) -> UserError:
    """Return the error for weights that belong to another network."""
    return UserError(f"network '{network}': the weights of {path} do not fit: {reason}")


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, or its type if it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
