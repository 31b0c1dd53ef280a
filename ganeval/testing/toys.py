"""Toys: small sets of feature rows whose truth is known, in which a metric can be seen to err. Every draw is seeded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ganeval.errors import unknown

WIDTH, COUNT, CLASSES = 12, 300, 10


@dataclass(frozen=True)
class Step:
    """One state of a toy: `sets` are float32 (N, D) by role, a distance (N, 1) for sets of pairs; int64 (N,) `labels`.

    Labels of a role that has none are 0, 1, ..., 9, 0, ...
    """

    label: str
    sets: Mapping[str, Tensor]
    labels: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Toy:
    """Steps to compare, and in `what` what they are drawn from."""

    what: str
    steps: tuple[Step, ...]


def toy(name: str) -> Toy:
    """The toy of this name.

    Raises:
        GanevalError: there is none.

    >>> [step.label for step in toy("far").steps]
    ['new samples', 'shifted by 10']
    """
    if name not in TOYS:
        raise unknown("toy", name, TOYS)
    return TOYS[name]()


def _normal(count: int, seed: int, width: int = WIDTH) -> Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


def _step(label: str, fake: Tensor, *, real: Tensor | None = None, seed: int = 0) -> Step:
    """`fake` against a real set and others like it of the same width."""
    real = _normal(COUNT, seed, fake.shape[1]) if real is None else real
    return Step(label, {"real": real, "train": real, "heldout": _normal(COUNT, seed + 1, fake.shape[1]), "fake": fake})


def _sample_size() -> Toy:
    steps = [_step(f"{n} + {n} samples", _normal(n, n), real=_normal(n, n + 1)) for n in (100, 300, 1000)]
    return Toy("both sets from one Gaussian in 12 dimensions", tuple(steps))


def _real_outlier() -> Toy:
    fake, real = _normal(COUNT, 5, 64) + 1, _normal(COUNT, 0, 64)
    with_outlier = torch.cat([real[1:], torch.full((1, 64), 3.0)])
    return Toy(
        "Gaussians in 64 dimensions, the generated one shifted by 1 in each",
        (_step("no outlier", fake, real=real), _step("one real sample at 3", fake, real=with_outlier)),
    )


def _fake_outlier() -> Toy:
    fake = _normal(COUNT, 5, 64) - 1
    with_outlier = torch.cat([fake[1:], torch.full((1, 64), 3.0)])
    return Toy(
        "Gaussians in 64 dimensions, the generated one shifted by -1 in each",
        (_step("no outlier", fake), _step("one generated sample at 3", with_outlier)),
    )


def _modes(count: int, seed: int, shares: Tensor) -> Tensor:
    """Rows around ten centres that are far apart; `shares` (10,) of the rows are around each."""
    centres = 5 * _normal(CLASSES, 99)
    which = torch.repeat_interleave(torch.arange(CLASSES), (shares / shares.sum() * count).round().long())
    return centres[which] + _normal(len(which), seed)


def _dropped_modes() -> Toy:
    every = torch.ones(CLASSES)
    steps = [
        _step(
            f"{kept} of 10 modes",
            _modes(COUNT, 5, (torch.arange(CLASSES) < kept).float()),
            real=_modes(COUNT, 0, every),
        )
        for kept in (10, 5, 1)
    ]
    return Toy("ten modes, of which the generated set has the first", tuple(steps))


def _thinned_modes() -> Toy:
    real, steps = _modes(COUNT, 0, torch.ones(CLASSES)), []
    for share in (1.0, 0.5, 0.1):
        shares = torch.full((CLASSES,), share)
        shares[0] = CLASSES - 9 * share
        steps.append(_step(f"{share:.0%} of nine modes", _modes(COUNT, 5, shares), real=real))
    return Toy("ten modes; nine keep a share of their generated samples, and the first has the rest", tuple(steps))


def _copies() -> Toy:
    real, new = _normal(COUNT, 0), _normal(COUNT, 5)
    half = torch.cat([real[: COUNT // 2], new[COUNT // 2 :]])
    steps = _step("new samples", new), _step("half of them copies", half), _step("all of them copies", real.clone())
    return Toy("one Gaussian; the generated set copies real samples, which are the training set too", steps)


def _hidden_copies() -> Toy:
    real, far = _normal(COUNT, 0), _normal(COUNT, 5) + 1
    hidden = torch.cat([real[: COUNT // 20], far[COUNT // 20 :]])
    steps = _step("new samples", _normal(COUNT, 5)), _step("5% copies, the rest shifted by 1", hidden)
    return Toy("one Gaussian; copies of training samples among poor samples", steps)


def _shape() -> Toy:
    signs = torch.where(_normal(COUNT, 5) > 0, 1.0, -1.0)
    return Toy(
        "a Gaussian, against rows whose every feature is 1 or -1, of the same mean and covariance",
        (_step("Gaussian", _normal(COUNT, 5)), _step("1 or -1", signs)),
    )


def _one_dimension() -> Toy:
    fake = _normal(COUNT, 5, 256)
    shifted = fake.clone()
    shifted[:, 0] += 6
    return Toy(
        "Gaussians in 256 dimensions, of which one tells every sample apart",
        (_step("none shifted", fake), _step("one shifted by 6", shifted)),
    )


def _dependence() -> Toy:
    fake = _normal(COUNT, 5)
    half = WIDTH // 2
    bound = torch.cat([fake[:, :half], fake[:, :half].abs() * _normal(COUNT, 6, half).sign()], 1)
    return Toy(
        "Gaussians, the generated one with pairs of features of the same size and unrelated signs",
        (_step("independent", fake), _step("dependent", bound)),
    )


def _crowd() -> Toy:
    steps = [_step(f"spread {spread:g}", spread * _normal(COUNT, 5)) for spread in (1.0, 0.5, 0.1)]
    return Toy("a Gaussian of spread 1, and generated samples that crowd at its centre", tuple(steps))


def _scattered() -> Toy:
    steps = [_step(f"spread {spread:g}", spread * _normal(COUNT, 5)) for spread in (1.0, 2.0, 4.0)]
    return Toy("a Gaussian of spread 1, and generated samples scattered beyond it", tuple(steps))


def _far() -> Toy:
    new = _normal(COUNT, 5)
    return Toy("one Gaussian", (_step("new samples", new), _step("shifted by 10", new + 10)))


def _half_far() -> Toy:
    good, far = _normal(COUNT, 5), _normal(COUNT, 6) + 10
    return Toy("one Gaussian", (_step("300 good samples", good), _step("and 300 far off", torch.cat([good, far]))))


def _noise() -> Toy:
    def smooth(count: int, seed: int) -> Tensor:
        return _normal(count, seed, 2) @ _normal(2, 98)

    real = smooth(COUNT, 0)
    return Toy(
        "real rows on a plane in 12 dimensions, against noise in all of them, of the same mean square",
        (_step("on the plane", smooth(COUNT, 5), real=real), _step("noise", _normal(COUNT, 5) * real.std(), real=real)),
    )


def _logits(count: int, seed: int, size: float = 5.0) -> Tensor:
    """Row i is of class i % 10: `size` there, and spread 1 everywhere."""
    return size * torch.eye(CLASSES)[torch.arange(count) % CLASSES] + _normal(count, seed, CLASSES)


def _one_per_class() -> Toy:
    real, fake = _logits(COUNT, 0), _logits(COUNT, 5)
    steps = (
        _step("300 different samples", fake, real=real),
        _step("one per class, repeated", fake[torch.arange(COUNT) % CLASSES], real=real),
    )
    return Toy("ten classes, rows as a classifier's logits", steps)


def _exaggerated_classes() -> Toy:
    real = _logits(COUNT, 0)
    steps = (
        _step("like the real ones", _logits(COUNT, 5), real=real),
        _step("three times as far apart", _logits(COUNT, 5, 15.0), real=real),
    )
    return Toy("ten classes, rows as a classifier's logits", steps)


def _class_frequencies() -> Toy:
    real, steps = _logits(COUNT, 0), []
    for label, labels in (
        ("equal", torch.arange(COUNT) % CLASSES),
        ("half of all of class 0", torch.where(torch.arange(COUNT) % 2 > 0, torch.arange(COUNT) // 2 % CLASSES, 0)),
    ):
        fake = 5 * torch.eye(CLASSES)[labels] + _normal(COUNT, 5, CLASSES)
        step = _step(label, fake, real=real)
        steps.append(Step(label, step.sets, {"fake": labels}))
    return Toy("ten classes; how often each is generated", tuple(steps))


def _brightness() -> Toy:
    real, fake = 0.2 * _normal(COUNT, 0), 0.2 * _normal(COUNT, 5)
    return Toy(
        "pixels of spread 0.2", (_step("as they are", fake, real=real), _step("brighter by 0.4", fake + 0.4, real=real))
    )


def _apart(x: Tensor, y: Tensor) -> Tensor:
    """Distances of row i of x from row i of y, (N, 1)."""
    distances: Tensor = (x - y).norm(dim=1, keepdim=True)
    return distances


def _unpaired() -> Toy:
    real = _normal(COUNT, 0)
    fake = real + 0.1 * _normal(COUNT, 5)
    steps = (
        Step("in one order", {"pairs": _apart(real, fake)}),
        Step("in another", {"pairs": _apart(real, fake.roll(1, 0))}),
    )
    return Toy("images i of two sets, one a good reconstruction of the other", steps)


def _noise_pairs() -> Toy:
    plain, noisy = _noise().steps
    real = _apart(*plain.sets["real"].chunk(2))
    pairs = [(step.label, _apart(*step.sets["fake"].chunk(2))) for step in (plain, noisy)]
    steps = [Step(label, {"random_pairs": found, "class_pairs": found, "real_pairs": real}) for label, found in pairs]
    return Toy("pairs of images on a plane in 12 dimensions, and pairs of noise of the same mean square", tuple(steps))


def _still_generator() -> Toy:
    speeds = 1e-8 * _normal(COUNT, 5, 1).exp()
    steps = Step("moves", {"path": speeds}), Step("one image for all latents", {"path": torch.zeros_like(speeds)})
    return Toy("distances between the images of near latents", steps)


TOYS: Mapping[str, Callable[[], Toy]] = {
    "sample size": _sample_size,
    "real outlier": _real_outlier,
    "fake outlier": _fake_outlier,
    "dropped modes": _dropped_modes,
    "thinned modes": _thinned_modes,
    "copies": _copies,
    "hidden copies": _hidden_copies,
    "shape": _shape,
    "one dimension": _one_dimension,
    "dependence": _dependence,
    "crowd": _crowd,
    "scattered": _scattered,
    "far": _far,
    "half far": _half_far,
    "noise": _noise,
    "one per class": _one_per_class,
    "exaggerated classes": _exaggerated_classes,
    "class frequencies": _class_frequencies,
    "brightness": _brightness,
    "unpaired": _unpaired,
    "noise pairs": _noise_pairs,
    "still generator": _still_generator,
}
