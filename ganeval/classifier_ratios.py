"""Log density ratios by classification: the logit of a classifier of equal classes is log p(x)/q(x). Knows no metric.

Samples are cut into folds, and a model is fitted to each alone: logistic regression on a polynomial of whitened
features, whose penalties the evidence sets (MacKay 1992), then, where it helps samples held back, small networks that
start at 0 and learn what is left over: one on few directions, the two that the regression says most of and the two
least Gaussian ones, and one on all. Swapping the sets
changes the sign of every logit; rotating or shifting the features changes nothing but rounding.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import expit
from torch import Tensor
from torch.nn.functional import logsigmoid, silu

from ganeval.keeping import Kept
from ganeval.ordering import ordered
from ganeval.ratios import Array, LogRatios

FOLDS = 3
_PRODUCTS = 20  # with no more features the polynomial has all their products, else their squares only
_WIDEST = 256  # principal components that are kept
_ROUNDS, _LEAST, _MOST, _FREE = 12, 1e-2, 1e6, 1e-6  # Newton's steps; limits of a penalty, and the intercept's
_HIDDEN, _STEPS, _CHECK, _PATIENCE, _BATCH, _RATE = 48, 400, 20, 4, 192, 4e-3
_SHRINK = 0.3  # of the evidence's penalty: averaging takes away a fit's noise, but not what a penalty holds back
_TURNED, _TURNS = 64, 12  # most features, and rounds, of the search for the least Gaussian directions
_FEW = 2  # directions of either kind that the first network sees
_FURTHEST = 30.0  # a logit beyond this is as good as certain

_kept: Kept[LogRatios] = Kept()  # several metrics of the same sets ask


def classifier_ratios(real: Tensor, fake: Tensor, *, network: bool = True) -> LogRatios:
    """T at every row of real (M, D) and fake (N, D), from the two models of three that did not see its fold.

    Folds depend on the rows' distances from the centre alone. Kept as long as both sets live, since metrics share it.
    """
    return _kept.get((real, fake), lambda: _computed(*whitened(ordered(real), ordered(fake)), network), network)


def whitened(real: Tensor, fake: Tensor, *, turn: bool = True) -> tuple[Array, Array]:
    """Both sets on the principal axes of their mixture of equal parts, unit variance along each, float64.

    Axes of no variance are left out, and all but the first 256, or as many as a tenth of the samples. With `turn` they
    are then turned, so that the least Gaussian direction comes first. They point to where the third moment is positive.
    """
    x, y = real.double().numpy(), fake.double().numpy()
    centre = (x.mean(0) + y.mean(0)) / 2
    x, y = x - centre, y - centre
    values, vectors = np.linalg.eigh((x.T @ x / len(x) + y.T @ y / len(y)) / 2)
    kept = int(min(_WIDEST, max(8, (len(x) + len(y)) // 10), (values > 1e-9 * values[-1]).sum()))
    axes = vectors[:, ::-1][:, :kept] / np.sqrt(np.maximum(values[::-1][:kept], np.finfo(np.float64).tiny))
    if turn:
        axes = axes @ _least_gaussian(np.concatenate([x, y]) @ axes)
    x, y = x @ axes, y @ axes
    signs = np.where((x**3).mean(0) + (y**3).mean(0) < 0, -1.0, 1.0)
    return x * signs, y * signs


def _least_gaussian(rows: Array) -> Array:
    """A rotation (D, D) to directions of extreme kurtosis, the most extreme first (Hyvarinen 1999; Cardoso 1989)."""
    turn = np.linalg.eigh((rows * np.square(rows).sum(1, keepdims=True)).T @ rows)[1]
    for _ in range(_TURNS if rows.shape[1] <= _TURNED else 0):
        u, _, v = np.linalg.svd(rows.T @ (rows @ turn) ** 3 / len(rows) - 3 * turn, full_matrices=False)
        turn = u @ v
    extreme = np.abs(((rows @ turn) ** 4).mean(0) - 3)
    found: Array = turn[:, np.argsort(-extreme, kind="stable")]
    return found


def _computed(x: Array, y: Array, network: bool) -> LogRatios:
    rng = np.random.default_rng(0)
    seed = int(rng.integers(2**32))
    sides = [_by_radius(side, np.random.default_rng(seed)) for side in (x, y)]  # a copy is cut as its original is
    folds = [np.array_split(np.arange(len(side)), FOLDS) for side in sides]
    models = [_polynomial_fit(*(side[part[k]] for side, part in zip(sides, folds))) for k in range(FOLDS)]
    logits = [np.stack([_polynomial(side) @ model for model in models]) for side in sides]
    logits = [np.clip(values, -_FURTHEST, _FURTHEST) for values in logits]
    plain = [_of_others(values, part) for values, part in zip(logits, folds)]
    if network and sides[0].shape[1]:
        for turns in _turns(models, sides):
            logits = [a + b for a, b in zip(logits, _corrections(sides, turns, folds, logits))]
    unseen = [_of_others(values, part) for values, part in zip(logits, folds)]
    kind = "logistic regression and a network" if network else "logistic regression"
    how = f"{FOLDS} fits of {kind}, {x.shape[1]} principal components"
    return LogRatios(unseen[0], unseen[1], how, _doubts(x, y), LogRatios(plain[0], plain[1], how))


def _doubts(x: Array, y: Array) -> tuple[str, ...]:
    least, width = min(len(x), len(y)), x.shape[1]
    needed = 10 * (width * (width + 3) // 2 + 1)
    if least >= needed:
        return ()
    return (
        f"{least} samples of a set are too few to show how {width} features go together ({needed:,} would): "
        "differences that lie neither in a few directions nor in means and spreads are missing, and value and interval "
        "may be too low",
    )


def _by_radius(rows: Array, rng: np.random.Generator) -> Array:
    order = np.argsort(np.square(rows).sum(1), kind="stable")
    return rows[order][rng.permutation(len(rows))]


def _of_others(logits: Array, folds: Sequence[npt.NDArray[np.int64]]) -> Array:
    """(FOLDS, N) => (FOLDS - 1, N): without the model that was fitted to the row's own fold."""
    parts = [np.delete(logits[:, part], k, 0) for k, part in enumerate(folds)]
    return np.concatenate(parts, 1)


def _polynomial(rows: Array) -> Array:
    """(N, D) => (N, P): features, products of mean square 1 for Gaussian features, and a last column of 1."""
    first, second, scale = _products(rows.shape[1])
    products = (rows[:, first] * rows[:, second] - (first == second)) / scale
    return np.hstack([rows, products, np.ones((len(rows), 1))])


def _products(width: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Array]:
    """Which features are multiplied with which, and what each product is divided by."""
    first, second = np.triu_indices(width) if width <= _PRODUCTS else (np.arange(width), np.arange(width))
    return first, second, np.where(first == second, np.sqrt(2), 1.0)


def _polynomial_fit(x: Array, y: Array) -> Array:
    """Coefficients (P,) of the logit of x, one penalty for the features and one for their products."""
    width, design = x.shape[1], _polynomial(np.concatenate([x, y]))
    target = np.repeat([1.0, 0.0], [len(x), len(y)])
    weights = np.repeat([0.5 / len(x), 0.5 / len(y)], [len(x), len(y)]) * len(target)
    groups = [slice(0, width), slice(width, design.shape[1] - 1)]
    penalty = np.ones(design.shape[1])
    penalty[-1] = _FREE
    found = np.zeros(design.shape[1])
    for step_number in range(_ROUNDS):
        if step_number == _ROUNDS - 4:
            penalty[:-1] *= _SHRINK
        guess = expit(design @ found)
        slopes = weights * np.maximum(guess * (1 - guess), 1e-6)
        hessian = (design * slopes[:, None]).T @ design + np.diag(penalty)
        inverse = np.linalg.inv(hessian)
        step = inverse @ (design.T @ (weights * (target - guess)) - penalty * found)
        found = found + step * min(1.0, 8 / max(np.abs(design @ step).max(), 1e-12))
        for group in groups if step_number < _ROUNDS - 5 else ():
            known = penalty[group].size - float(penalty[group] @ np.diagonal(inverse)[group])
            penalty[group] = np.clip(known / max(float(found[group] @ found[group]), 1e-12), _LEAST, _MOST)
    return found


# ---- The network


def _turns(models: Sequence[Array], sides: Sequence[Array]) -> list[list[Array]]:
    """What the networks, one after another, look at: a matrix of directions (D, d) for each fold."""
    width = sides[0].shape[1]
    everything = [np.eye(width)] * FOLDS
    return [everything] if width <= 2 * _FEW else [[_few(model, sides) for model in models], everything]


def _few(model: Array, sides: Sequence[Array]) -> Array:
    """The directions (D, 4) that a fold's first network sees: a difference that has a shape lies in few of them.

    Two along which the regression's logit changes most, by the eigenvectors of its gradients' mean outer product, and
    the two first axes, turned out of these.
    """
    width = sides[0].shape[1]
    straight, curved = model[:width], np.zeros((width, width))
    first, second, scale = _products(width)
    curved[first, second] += model[width:-1] / scale
    curved[second, first] += model[width:-1] / scale
    telling = np.linalg.eigh(np.outer(straight, straight) + curved @ curved)[1][:, ::-1][:, :_FEW]
    found: Array = np.linalg.qr(np.hstack([telling, np.eye(width)[:, :_FEW]]))[0]
    skewed = sum(((side @ found) ** 3).mean(0) for side in sides)
    return found * np.where(skewed < 0, -1.0, 1.0)


def _corrections(
    sides: Sequence[Array],
    turns: Sequence[Array],
    folds: Sequence[Sequence[npt.NDArray[np.int64]]],
    logits: Sequence[Array],
) -> list[Array]:
    """What a network per fold, of its own directions, adds to the logits, (FOLDS, N) for either set; 0 if no help."""
    count = [min(map(len, part)) for part in folds]
    if min(count) < 20:
        return [np.zeros_like(values) for values in logits]
    picked = [np.stack([part[k][:n] for k in range(FOLDS)]) for part, n in zip(folds, count)]
    seen = [[torch.from_numpy(side @ turn).float() for turn in turns] for side in sides]
    rows = [torch.stack([each[part] for each, part in zip(turned, index)]) for turned, index in zip(seen, picked)]
    known = [
        torch.from_numpy(np.stack([v[k, index[k]] for k in range(FOLDS)])).float() for v, index in zip(logits, picked)
    ]
    best = _trained(rows, known)
    with torch.no_grad():
        out = [_network(best, torch.stack(turned)) for turned in seen]
    return [values.double().numpy() for values in out]


def _network(weights: Sequence[Tensor], rows: Tensor) -> Tensor:
    """rows (K, N, D) through K networks of two hidden layers, (K, N)."""
    first, bias, second, offset, last, end = weights
    hidden = silu(torch.baddbmm(bias, rows, first))
    hidden = silu(torch.baddbmm(offset, hidden, second))
    return torch.baddbmm(end, hidden, last).squeeze(2)


def _start(width: int) -> list[Tensor]:
    """The same for every fold; the last layer is 0, so that swapping the sets only changes its sign."""
    rng = torch.Generator().manual_seed(0)
    shapes = [(width, _HIDDEN), (1, _HIDDEN), (_HIDDEN, _HIDDEN), (1, _HIDDEN)]
    scales = [1.5 * width**-0.5, 0.5, 1.5 * _HIDDEN**-0.5, 0.2]
    made = [scale * torch.randn(shape, generator=rng) for shape, scale in zip(shapes, scales)]
    made += [torch.zeros(_HIDDEN, 1), torch.zeros(1, 1)]
    return [each.expand(FOLDS, *each.shape).clone().requires_grad_() for each in made]


def _losses(weights: Sequence[Tensor], rows: Sequence[Tensor], known: Sequence[Tensor]) -> Tensor:
    """Cross-entropy of each network, classes weighing the same, (K,)."""
    logits = [_network(weights, side) + before for side, before in zip(rows, known)]
    return -(logsigmoid(logits[0]).mean(1) + logsigmoid(-logits[1]).mean(1)) / 2


def _trained(rows: Sequence[Tensor], known: Sequence[Tensor]) -> list[Tensor]:
    """Weights at which each network did best on the fifth of its samples that it was not trained on."""
    weights = _start(rows[0].shape[2])
    optimizer = torch.optim.Adam(weights, lr=_RATE)
    cuts = [side.shape[1] * 4 // 5 for side in rows]
    held = [[side[:, cut:] for side, cut in zip(part, cuts)] for part in (rows, known)]
    best, kept, since = torch.full((FOLDS,), torch.inf), [each.detach().clone() for each in weights], 0
    rng = np.random.default_rng(0)
    for step in range(_STEPS + 1):
        if step % _CHECK == 0:
            with torch.no_grad():
                losses = _losses(weights, *held)
            better = losses < best - 1e-4
            since = 0 if bool(better.any()) else since + 1
            best = torch.where(better, losses, best)
            for old, new in zip(kept, weights):
                old[better] = new.detach()[better]
            if since > _PATIENCE:
                break
        seed = int(rng.integers(2**32))
        draws = [torch.from_numpy(np.random.default_rng(seed).integers(cut, size=min(_BATCH, cut))) for cut in cuts]
        batch = [[side[:, index] for side, index in zip(part, draws)] for part in (rows, known)]
        for group in optimizer.param_groups:
            group["lr"] = _RATE * (1 - step / (_STEPS + 1))
        optimizer.zero_grad()
        _losses(weights, *batch).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return kept
