"""From what the user writes (`folder`, `a.zip`, `dataset:NAME`, `module:callable` ...) to a source."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch

from ganeval.errors import GanevalError
from ganeval.images.archive import SUFFIXES as TORCH_SUFFIXES
from ganeval.images.archive import read_archive
from ganeval.images.archives import TAR_SUFFIXES, open_archive, split_archive
from ganeval.images.arrays import is_idx, open_idx, open_npy, open_npz
from ganeval.images.calling import USUAL, Calling
from ganeval.images.encoded import OnBadImage, open_folder
from ganeval.images.features import FeatureSource
from ganeval.images.redrawn import SAMPLES, Redraw
from ganeval.images.source import ImageSource, Selection, Subset
from ganeval.images.statistics import StatisticsSource, only_statistics, open_statistics, refuse_pickle
from ganeval.images.statistics_store import open_reference

Opened: TypeAlias = ImageSource | FeatureSource | StatisticsSource

CPU = torch.device("cpu")
POSSIBLE = """  a folder of images, searched at any depth
  an archive of images: .zip, .tar, .tar.gz, .tgz, .tar.bz2, .tar.xz, or a folder in one: photos.zip/train
  an array file of uint8 images: .npz, .npy, or IDX (*-ubyte, *.idx, also .gz)
  dataset:NAME[:SPLIT], some classes of it, or a part: dataset:NAME:SPLIT@0,2[0:4000] (`ganeval list datasets`)
  edges:LOCATION, the edges in the images of any of these
  a run folder or a checkpoint of `ganeval train` (step-*.json, or any .safetensors with its .json)
  a generator: TorchScript (.pt, .ts), torch.export (.pt2), ONNX (.onnx), or MODULE:CALLABLE, which runs that code
  features:FILE.npy or .npz, feature rows (N, D) computed elsewhere
  an .npz with the statistics mu and sigma, and no images, for metrics of mean and covariance; statistics:FILE.npz
  takes those of a file that holds images as well
  ref:NAME, statistics made by `ganeval refs build`"""

_DATASET = re.compile(
    r"(?P<name>[^:@\[\]]+)(:(?P<split>[^:@\[\]]+))?(@(?P<classes>\d+(,\d+)*))?(\[(?P<first>\d*):(?P<last>\d*)\])?"
)
_CALLABLE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


@dataclass(frozen=True)
class Opening:
    """How to open an image set.

    Attributes:
        on_bad_image: `fail`, or `skip` to leave out undecodable files and list them in `source.skipped`.
        data_root: where named data sets are looked for first, in torchvision's layout.
        num_samples: a random part of this size, drawn by `seed` and kept in order.
        seed: of that choice, and of a generator's latents.
        calling: how a generator from elsewhere is called.
        redraw: what a checkpoint that makes images of images is given.
        generate: how many images a generator makes where `num_samples` is None; 2000 where both are.
        device: where a generator runs.
    """

    on_bad_image: OnBadImage = "fail"
    data_root: Path | None = None
    num_samples: int | None = None
    seed: int = 0
    calling: Calling = USUAL
    redraw: Redraw = SAMPLES
    generate: int | None = None
    device: torch.device = CPU


def open_images(location: str | Path, opening: Opening = Opening()) -> Opened:
    """The source behind `location`; what is possible is in `POSSIBLE`.

    Raises:
        GanevalError: nothing that can be opened, with the list of what can be; or a fault of what was found.
    """
    text = str(location)
    if text.startswith("features:"):
        path = Path(text.removeprefix("features:"))
        return FeatureSource(path, num_samples=opening.num_samples, seed=opening.seed)
    if text.startswith(("ref:", "statistics:")):
        kind, _, name = text.partition(":")
        return _whole(open_reference(name) if kind == "ref" else open_statistics(Path(name), text), opening)
    if text.startswith("dataset:"):
        return _limited(_open_dataset(text, opening), opening)
    if text.startswith("edges:"):
        return _edges(text.removeprefix("edges:"), opening)
    path = Path(location)
    if path.exists():
        return _open_path(path, opening)
    inside = split_archive(path)
    if inside is not None:
        archive, folder = inside
        return _limited(open_archive(archive, folder=folder, on_bad_image=opening.on_bad_image), opening)
    if _CALLABLE.fullmatch(text):
        from ganeval.images.callables import open_callable

        return open_callable(text, opening)
    raise GanevalError(f"nothing found at '{text}'. An image set is one of\n{POSSIBLE}")


def _edges(location: str, opening: Opening) -> ImageSource:
    from ganeval.images.edges import EdgeSource

    source = open_images(location, opening)
    if not isinstance(source, ImageSource):
        raise GanevalError(f"edges:{location}: {source.name} holds no images to find edges in")
    return EdgeSource(source)


def _whole(source: StatisticsSource, opening: Opening) -> StatisticsSource:
    if opening.num_samples is not None:
        raise GanevalError(
            f"{source.name} holds the statistics of all its samples, from which {opening.num_samples} cannot be drawn: "
            "give images"
        )
    return source


def _limited(source: ImageSource, opening: Opening) -> ImageSource:
    count = opening.num_samples
    return source if count is None else Subset(source, count, opening.seed)


def _open_path(path: Path, opening: Opening) -> ImageSource | StatisticsSource:
    from ganeval.images.generator import is_checkpoint, open_checkpoint

    if is_checkpoint(path):
        return open_checkpoint(path, opening)
    if path.suffix.lower() == ".npz" and path.is_file() and only_statistics(path):
        return _whole(open_statistics(path), opening)
    return _open_program(path, opening) or _limited(_open_files(path, opening.on_bad_image), opening)


def _open_program(path: Path, opening: Opening) -> ImageSource | None:
    """The images of a generator from elsewhere, if `path` is named like one."""
    if not path.is_file() or not path.name.lower().endswith((".onnx", *TORCH_SUFFIXES)):
        return None
    if path.name.lower().endswith(".onnx"):
        from ganeval.images.onnx import open_onnx

        return open_onnx(path, opening)
    archive = read_archive(path)
    if archive.kind == "exported":
        from ganeval.images.exported import open_exported

        return open_exported(path, archive, opening)
    from ganeval.images.torchscript import open_torchscript

    return open_torchscript(path, archive, opening)


def _open_files(path: Path, on_bad_image: OnBadImage) -> ImageSource:
    name = path.name.lower()
    refuse_pickle(path)
    if path.is_dir():
        return open_folder(path, on_bad_image=on_bad_image)
    if name.endswith((".zip", *TAR_SUFFIXES)):
        return open_archive(path, on_bad_image=on_bad_image)
    if name.endswith(".npz"):
        return open_npz(path)
    if name.endswith(".npy"):
        return open_npy(path)
    if is_idx(path):
        return open_idx(path)
    raise GanevalError(f"{path} is of no kind that can be opened. An image set is one of\n{POSSIBLE}")


def _open_dataset(text: str, opening: Opening) -> ImageSource:
    from ganeval.data.datasets import open_dataset

    parts = _DATASET.fullmatch(text.removeprefix("dataset:"))
    if parts is None:
        raise GanevalError(
            f"cannot read '{text}': expected dataset:NAME, dataset:NAME:SPLIT, dataset:NAME:SPLIT[0:4000] or, for "
            "classes 0 and 2, dataset:NAME:SPLIT@0,2"
        )
    source = open_dataset(parts["name"], parts["split"], data_root=opening.data_root, on_bad_image=opening.on_bad_image)
    if parts["classes"] is not None:
        source = _of_classes(source, sorted({int(number) for number in parts["classes"].split(",")}), text)
    return source if parts["first"] is None else _part(source, parts, text)


def _of_classes(source: ImageSource, wanted: list[int], text: str) -> ImageSource:
    """The images of these classes, which keep their numbers."""
    if source.labels is None:
        raise GanevalError(f"'{text}' asks for classes, and {source.name} has none: leave @ out")
    absent = sorted(set(wanted) - set(np.unique(source.labels).tolist()))
    if absent:
        raise GanevalError(f"'{text}' asks for class {absent[0]}, but there are 0 to {source.labels.max()}")
    some = Selection(source, np.flatnonzero(np.isin(source.labels, wanted)))
    some.name = text
    return some


def _part(source: ImageSource, parts: re.Match[str], text: str) -> ImageSource:
    first, last = int(parts["first"] or 0), int(parts["last"] or len(source))
    if not 0 <= first < last <= len(source):
        raise GanevalError(
            f"'{text}' asks for images {first} to {last}, but there are {len(source)}: 0 <= first < last"
        )
    part = Selection(source, np.arange(first, last))
    part.name = text  # or two parts of one set would bear one name
    return part
