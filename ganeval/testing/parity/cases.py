"""A case of parity: what another tool and this package make of the same images, weights and features."""

from __future__ import annotations

import contextlib
import importlib
import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from ganeval.scoring import Job, Networks, score
from ganeval.testing.random_weights import random_inception_weights, random_vgg16_weights
from ganeval.testing.textures import textures

Values: TypeAlias = Mapping[str, float]
"""Metric, as this package calls it -> value."""
FRECHET = ("fid", "fd")
NARROWER = 16
"""By how much the widths of VGG16 are divided: the whole network takes 537 MB and half a second per image."""
WEIGHTS: Mapping[str, Callable[[Path], Path]] = {
    "inception": random_inception_weights,
    "vgg16": lambda path: random_vgg16_weights(path, narrower=NARROWER),
}


@dataclass(frozen=True)
class Pictures:
    """`count` real and as many generated images, `side` pixels high and wide, in 1 or 3 channels.

    `alike` is the share of its set's first image in each: random textures have no structure in common.
    """

    side: int
    channels: int
    count: int
    alike: float = 0.0

    def __str__(self) -> str:
        return f"{self.side} px, {'grey' if self.channels == 1 else 'colour'}"

    @property
    def counts(self) -> tuple[int, int]:
        """Real and generated."""
        return self.count, self.count

    def write(self, folder: Path) -> tuple[str, str]:
        """PNG files in two folders, (generated, real)."""
        for name, seed in (("real", 0), ("fake", 1)):
            (folder / name).mkdir(parents=True)
            images = textures(self.count, self.side, seed, contrast=1 - 0.5 * seed)
            blended = ((1 - self.alike) * images + self.alike * images[:1]).round().astype(np.uint8)
            for number, image in enumerate(blended):
                picture = Image.fromarray(image)
                (picture if self.channels == 3 else picture.convert("L")).save(folder / name / f"{number:05d}.png")
        return str(folder / "fake"), str(folder / "real")


@dataclass(frozen=True)
class Rows:
    """Feature rows drawn at random: both sets normal, correlated, apart by a quarter of a standard deviation."""

    real: int
    fake: int
    width: int

    def __str__(self) -> str:
        return "random rows"

    @property
    def counts(self) -> tuple[int, int]:
        """Real and generated."""
        return self.real, self.fake

    def write(self, folder: Path) -> tuple[str, str]:
        """Two float32 arrays, (generated, real), as image sets are named."""
        folder.mkdir(parents=True)
        rng = np.random.default_rng(0)
        mixing = rng.normal(size=(self.width, self.width)) / self.width**0.5 + np.eye(self.width)
        for name, count, shift in (("real", self.real, 0.0), ("fake", self.fake, 0.25)):
            np.save(folder / f"{name}.npy", (rng.normal(shift, 1, (count, self.width)) @ mixing).astype(np.float32))
        return f"features:{folder / 'fake.npy'}", f"features:{folder / 'real.npy'}"


class Material:
    """What cases share, made when it is first asked for: below `root`, files of images, rows and weights.

    Attributes:
        networks: those that this package has loaded, by name and resizer, but for distances of pairs: such a network
            insists on images of one size for as long as it lives.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._sets: dict[Pictures | Rows, tuple[str, str]] = {}
        self._weights: dict[str, Path] = {}
        self.networks: Networks = {}

    def sets(self, data: Pictures | Rows) -> Sets:
        """The two sets."""
        if data not in self._sets:
            self._sets[data] = data.write(self.root / f"sets{len(self._sets)}")
        return Sets(*self._sets[data], self)

    def weights(self, name: str, make: Callable[[Path], Path] | None = None) -> Path:
        """The file of random weights of that name, made by `make` where it is not one of `WEIGHTS`."""
        if name not in self._weights:
            self._weights[name] = (make or WEIGHTS[name])(self.root / f"{name}.pth")
        return self._weights[name]


@dataclass(frozen=True)
class Sets:
    """Two sets, named as `ganeval score` names them."""

    fake: str
    real: str
    material: Material

    def job(self, **said: Any) -> Job:
        """What a user would ask for, without the cache."""
        return Job(self.fake, self.real, cached=False, device="cpu", **said)

    def rows(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """The feature rows in float64, (generated, real)."""
        fake, real = (np.load(name.removeprefix("features:")).astype(np.float64) for name in (self.fake, self.real))
        return fake, real

    def pictures(self) -> tuple[Tensor, Tensor]:
        """The images as uint8 (N, 3, H, W), (generated, real), as tools take them that know colour only."""
        fake, real = (_pictures(Path(folder)) for folder in (self.fake, self.real))
        return fake, real


def _pictures(folder: Path) -> Tensor:
    images = np.stack([_picture(path) for path in sorted(folder.iterdir())])
    return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()


def _picture(path: Path) -> npt.NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.array(image.convert("RGB"))


@dataclass(frozen=True)
class Case:
    """One call of a peer, and the job that is to give the same values.

    Attributes:
        width: of the features that are compared, 0 where they are distances of pairs.
        theirs: calls the peer.
        job: what this package is asked for.
        what: what is particular about it.
        allowed: metric -> (relative difference, reason) where the usual tolerance cannot be asked for.
    """

    data: Pictures | Rows
    width: int
    theirs: Callable[[Sets], Values]
    job: Callable[[Sets], Job]
    what: str = ""
    allowed: Mapping[str, tuple[float, str]] = field(default_factory=dict)

    def __str__(self) -> str:
        counts = "+".join(map(str, self.data.counts))
        return ", ".join(filter(None, (str(self.data), f"n={counts}", f"d={self.width}", self.what)))


@dataclass(frozen=True)
class Compared:
    """One metric of one case, both ways."""

    case: Case
    metric: str
    theirs: float
    ours: float

    @property
    def difference(self) -> float:
        """Relative to the peer's value, or to the smallest float where that is 0."""
        return abs(self.ours - self.theirs) / max(abs(self.theirs), float(np.finfo(float).tiny))

    @property
    def tolerance(self) -> float:
        """1e-4 for Frechet distances, 1e-5 for all else, unless the case says why not."""
        return self.case.allowed.get(self.metric, (1e-4 if self.metric in FRECHET else 1e-5, ""))[0]

    @property
    def reason(self) -> str:
        """Why the tolerance is not the usual one."""
        return self.case.allowed.get(self.metric, (0.0, ""))[1]


def run(case: Case, material: Material) -> list[Compared]:
    """Both sides of a case. What the peer prints and warns about is dropped, and torch's random state is put back."""
    sets = material.sets(case.data)
    with torch.random.fork_rng(devices=[]), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            theirs = case.theirs(sets)
        job = case.job(sets)
    ours = {
        each.metric: each.value for each in score(job, networks=material.networks if case.width else None).card.scores
    }
    return [Compared(case, metric, float(value), ours[metric]) for metric, value in theirs.items()]


@dataclass(frozen=True)
class Peer:
    """A tool that numbers are compared with.

    Attributes:
        name: of its distribution.
        module: what is imported.
        cases: how many images for the dearest features -> the cases.
        about: where its own path is left, and what is not compared.
        obstacle: why it does not run here although it is installed, "" if it does.
    """

    name: str
    module: str
    cases: Callable[[int], list[Case]]
    about: str
    obstacle: Callable[[], str] = lambda: ""

    def missing(self) -> str:
        """Why it cannot be run, or nothing."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                importlib.import_module(self.module)
        except ImportError as error:
            return f"{self.name} cannot be imported: {error}"
        return self.obstacle()

    @property
    def version(self) -> str:
        """Of the installed distribution."""
        return version(self.name)


def without_sqrtm_disp() -> str:
    """SciPy 1.18 took from `sqrtm` the argument that several tools pass."""
    import inspect

    from scipy.linalg import sqrtm

    return "" if "disp" in inspect.signature(sqrtm).parameters else "it passes disp= to a sqrtm that has none any more"


def inception_cases(
    images: int,
    make: Callable[[Pictures, str, int], Case],
    deepest: Sequence[Pictures] = (),
    *,
    layer: str = "2048",
    above: bool = False,
) -> list[Case]:
    """Colour and grey, 32 and 200 pixels, on the 192 features of an early layer; those of a deep layer of some.

    On the 64 features, n is above d: with `above` on one kind of images, where more than 64 are asked for on all.

    Args:
        images: how many of a kind are pushed through the network to the deep layer.
        deepest: for which kinds that is done (their counts are replaced).
    """
    kinds = [(side, channels) for side in (32, 200) for channels in (3, 1)]
    few = [make(Pictures(side, channels, 6), "192", 192) for side, channels in kinds]
    whole = [make(replace(data, count=images), layer, int(layer)) for data in deepest]
    many = kinds if images > 64 else kinds[1:2] * above
    return few + whole + [make(Pictures(side, channels, max(images, 66)), "64", 64) for side, channels in many]


COLOUR, GREY = Pictures(32, 3, 0), Pictures(200, 1, 0)
"""The kinds of images for the whole network."""


IN_FLOAT32 = (5e-4, "it adds kernels in float32, and KID is a small difference of their means")
"""Of KID on float32 features, where a peer goes on in their precision."""


def our_layer(layer: str) -> str:
    """Inception's layer by the number of its features, as `--features` names it."""
    return "inception.pool" if layer == "2048" else f"inception.{layer}"


def rows_above_and_below() -> tuple[Rows, Rows]:
    """Fewer generated than real rows, n above d and below."""
    return Rows(150, 120, 32), Rows(50, 40, 128)
