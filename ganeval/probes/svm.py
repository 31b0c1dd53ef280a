"""The linear L2-SVM of scikit-learn's LinearSVC, one against the rest, exactly, on features of any number and width.

For every class k, with y_i = 1 for rows of the class and -1 for all others, and s the intercept's scale:

    minimise over w and v   |w|^2 / 2 + v^2 / 2 + C sum_i max(0, 1 - y_i (w . x_i + s v))^2;   the intercept is s v.

Method: truncated Newton (Keerthi and DeCoste 2005; Lin, Weng, Keerthi 2008) with conjugate gradients on the generalised
Hessian 1 + 2C X_A^T X_A, A the rows inside the margin; all classes share each product with the rows, each with its own
A and its own step. Preconditioned by the largest directions of a sample of the rows, or of those inside the margin once
steps take many products (spectrum.py). A step's length is exact: on a line the objective is piecewise quadratic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from ganeval.errors import GanevalError
from ganeval.probes.rows import Rows
from ganeval.probes.spectrum import Preconditioner, Spectrum, sampled_spectrum

_NEWTON = 60
_PRODUCTS = 300
_GRAM_ROWS = 1500  # up to so many rows, if they are fewer than columns, the products of all pairs stand for them
_ROUNDING = 1e-7  # eigenvalues below this share of the largest are what float32 products left over of 0
_NOT_FINITE = "the features hold NaN or infinity, or are too large to be squared"


@dataclass(frozen=True)
class LinearSVM:
    """Fitted classifiers, one row per class; a single row where there are two classes.

    Attributes:
        weights: float64 (K, d + 1); the last column times `scale` is the intercept.
        objectives: of each class at the solution, float64 (K,).
        gap: the largest share by which an objective can lie above its minimum, |gradient|^2 / 2 by strong convexity.
        products: sweeps over the rows that it took.
    """

    weights: Tensor
    scale: float
    penalty: float
    objectives: Tensor
    gap: float
    products: int

    @property
    def coefficients(self) -> Tensor:
        """(K, d), scikit-learn's `coef_`."""
        return self.weights[:, :-1]

    @property
    def intercepts(self) -> Tensor:
        """(K,), scikit-learn's `intercept_`."""
        return self.scale * self.weights[:, -1]

    def predict(self, rows: Rows) -> Tensor:
        """Number of the class with the highest score, int64 (n,) on the CPU."""
        return predictions([self], rows)[0]


def predictions(models: Sequence[LinearSVM], rows: Rows) -> list[Tensor]:
    """What each of some models with the same classes and scale says, in one sweep over the rows."""
    rows = Rows(rows.values, device=rows.device, scale=models[0].scale)
    scores = rows.scores(torch.cat([model.weights for model in models]).to(rows.device))
    return [(own.argmax(0) if len(own) > 1 else (own[0] > 0).long()).cpu() for own in scores.chunk(len(models))]


def fit_path(
    rows: Rows, labels: Tensor, penalties: Sequence[float], *, classes: int, tolerance: float = 1e-5
) -> list[LinearSVM]:
    """One fit for each C, in the order given; each starts from the solution before it, so ascending is fastest.

    Args:
        labels: int64 (n,), from 0 to classes - 1; every class must be there.
        tolerance: share of an objective that may be left to gain.

    Raises:
        GanevalError: a class without rows, a C that is not positive, rows that are not finite.
    """
    targets = _targets(labels, classes).to(rows.device)
    for penalty in penalties:
        if not penalty > 0:
            raise GanevalError(f"C is {penalty}: expected a number above 0")
    if len(rows) < rows.width and len(rows) <= _GRAM_ROWS:
        return _fit_by_gram(rows, targets, penalties, tolerance)
    return _fit_rows(rows, targets, penalties, tolerance)


def fit(rows: Rows, labels: Tensor, penalty: float, *, classes: int, tolerance: float = 1e-5) -> LinearSVM:
    """`fit_path` for one C.

    >>> rows = Rows(torch.tensor([[-1.0], [1.0]]))
    >>> model = fit(rows, torch.tensor([0, 1]), 0.5, classes=2)
    >>> [round(value, 6) for value in (*model.coefficients[0].tolist(), *model.objectives.tolist())]
    [0.666667, 0.333333]
    """
    return fit_path(rows, labels, [penalty], classes=classes, tolerance=tolerance)[0]


def _targets(labels: Tensor, classes: int) -> Tensor:
    """+1 and -1, float64 (K, n), or (1, n) for two classes."""
    counts = torch.bincount(labels, minlength=classes)
    if classes < 2 or len(counts) > classes or not bool((counts > 0).all()):
        raise GanevalError(f"an SVM needs rows of each of two or more classes, got these counts: {counts.tolist()}")
    wanted = torch.arange(classes) if classes > 2 else torch.tensor([1])
    return 2.0 * (labels == wanted[:, None]).double() - 1.0


def _fit_rows(rows: Rows, targets: Tensor, penalties: Sequence[float], tolerance: float) -> list[LinearSVM]:
    return _fit_along(rows, targets, penalties, sampled_spectrum(rows), tolerance)


def _fit_along(
    rows: Rows, targets: Tensor, penalties: Sequence[float], spectrum: Spectrum, tolerance: float
) -> list[LinearSVM]:
    """Each C from the best point on the line through the two solutions before it, which costs no product with rows."""
    start = Point(torch.zeros(len(targets), rows.width + 1, dtype=torch.float64, device=rows.device), 0 * targets)
    models, points = [], [start]
    preconditioner = Preconditioner(rows, spectrum, len(targets))
    for penalty in penalties:
        problem = _Problem(rows, targets, penalty, preconditioner)
        if len(points) > 2:
            start = problem.onwards(points[-2], points[-1])
        model, start = problem.solved(start, tolerance)
        models.append(model)
        points.append(start)
    return models


def _fit_by_gram(rows: Rows, targets: Tensor, penalties: Sequence[float], tolerance: float) -> list[LinearSVM]:
    """Few rows, many columns: with X X^T = U L U^T, the rows of Z = U sqrt(L) have the same products, so scores.

    A solution z on Z belongs to w = X^T U z / sqrt(L), with |w| = |z|. The intercept's column is in the products. Z's
    columns are orthogonal, so the diagonal of the Hessian is a preconditioner that leaves little to do.
    """
    gram = rows.gram()
    if not bool(gram.isfinite().all()):
        raise GanevalError(_NOT_FINITE)
    values, vectors = torch.linalg.eigh(gram)
    kept = values > _ROUNDING * values[-1]
    values, vectors = values[kept], vectors[:, kept]
    small = Rows((vectors * values.sqrt()).float(), device=rows.device, scale=0.0)
    spectrum = Spectrum(None, torch.cat([values, values.new_zeros(1)]), 0.0, len(rows))
    models = _fit_along(small, targets, penalties, spectrum, tolerance)
    solutions = torch.cat([model.weights[:, :-1] for model in models])
    weights = rows.combined((solutions / values.sqrt()) @ vectors.T).chunk(len(models))
    return [replace(model, weights=own, scale=rows.scale) for own, model in zip(weights, models)]


class Point(NamedTuple):
    """Weights (K, d + 1) and their scores (K, n), float64."""

    weights: Tensor
    scores: Tensor


class Goal(NamedTuple):
    """Where conjugate gradients stop: at a share (K,) of the gradient, or where half its square (K,) is enough."""

    share: Tensor
    enough: Tensor


class _Problem:
    """All classes of one fit, and the quantities that their steps need."""

    def __init__(self, rows: Rows, targets: Tensor, penalty: float, preconditioner: Preconditioner) -> None:
        self.rows, self.targets, self.penalty, self.preconditioner = rows, targets, penalty, preconditioner
        self.products = 0

    def solved(self, start: Point, tolerance: float) -> tuple[LinearSVM, Point]:
        """Newton steps until every class's gap is `tolerance`, or a step gained no more than that.

        The gap bounds what is left from far above where C is large; and steps' gains shrink ever faster.
        """
        weights, scores = start.weights.clone(), start.scores.clone()
        objectives = self.objectives(weights, scores)
        open_ = torch.ones_like(objectives, dtype=torch.bool)
        gradients = self.gradients(weights, scores, open_)
        first = gradients.norm(dim=1).clamp(min=1e-300)
        for _ in range(_NEWTON):
            open_ &= _gaps(gradients, objectives) > tolerance
            if not bool(open_.any()):
                break
            goal = Goal((gradients.norm(dim=1) / first).sqrt().clamp(max=0.1)[open_], tolerance / 4 * objectives[open_])
            steps, moved = self.direction(gradients[open_], scores[open_], goal, open_)
            length = self.length(weights[open_], scores[open_], steps, moved, open_)
            weights[open_] += length * steps
            scores[open_] += length * moved
            gradients[open_] = self.gradients(weights[open_], scores[open_], open_)
            before, objectives = objectives, self.objectives(weights, scores)
            open_ &= before - objectives > tolerance * objectives
        gap = float(_gaps(gradients, objectives).max())
        found = LinearSVM(weights, self.rows.scale, self.penalty, objectives, gap, self.products)
        return found, Point(weights, scores)

    def onwards(self, earlier: Point, last: Point) -> Point:
        """The best point on the line through two solutions for other C."""
        steps, moved = last.weights - earlier.weights, last.scores - earlier.scores
        everyone = torch.ones(len(steps), dtype=torch.bool, device=steps.device)
        length = self.length(last.weights, last.scores, steps, moved, everyone)
        return Point(last.weights + length * steps, last.scores + length * moved)

    def objectives(self, weights: Tensor, scores: Tensor) -> Tensor:
        """The formula above, float64 (K,)."""
        slack = (1 - self.targets * scores).clamp_(min=0)
        return weights.square().sum(1) / 2 + self.penalty * slack.square().sum(1)

    def gradients(self, weights: Tensor, scores: Tensor, chosen: Tensor) -> Tensor:
        """Of the chosen classes: w - 2C sum_i y_i x_i max(0, 1 - y_i score_i), (K, d + 1)."""
        targets = self.targets[chosen]
        self.products += 1
        return weights - 2 * self.penalty * self.rows.combined(targets * (1 - targets * scores).clamp_(min=0))

    def direction(self, gradients: Tensor, scores: Tensor, goal: Goal, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """Conjugate gradients, preconditioned, down to the goal.

        Returns:
            the Newton steps (K, d + 1), and their scores (K, n).
        """
        active = (self.targets[chosen] * scores < 1).to(torch.float32)
        inverse, before_it = self.preconditioner.inverse(active, chosen, self.penalty), self.products
        steps, moved = torch.zeros_like(gradients), torch.zeros_like(scores)
        residual = -gradients
        scaled = inverse(residual)
        towards, product = scaled, (residual * scaled).sum(1, keepdim=True)
        wanted = goal.share[:, None] ** 2 * product
        more = product > 0
        for _ in range(_PRODUCTS):
            found, bent = self.rows.curvature(towards, active)
            self.products += 1
            bent = towards + 2 * self.penalty * bent
            rate = torch.where(more, product / (towards * bent).sum(1, keepdim=True).clamp(min=1e-300), 0.0)
            steps, moved, residual = steps + rate * towards, moved + rate * found, residual - rate * bent
            scaled = inverse(residual)
            before, product = product, (residual * scaled).sum(1, keepdim=True)
            more = (product > wanted) & (residual.square().sum(1, keepdim=True) / 2 > goal.enough[:, None])
            if not bool(more.any()):
                break
            towards = scaled + product / before.clamp(min=1e-300) * towards
        self.preconditioner.took(self.products - before_it)
        return steps, moved

    def length(self, weights: Tensor, scores: Tensor, steps: Tensor, moved: Tensor, chosen: Tensor) -> Tensor:
        """How far to go, (K, 1): Newton's method on the derivative along the line, which is piecewise linear."""
        targets = self.targets[chosen]
        along, square = (weights * steps).sum(1, keepdim=True), steps.square().sum(1, keepdim=True)
        slack, change = 1 - targets * scores, targets * moved
        low, high = torch.zeros_like(along), torch.full_like(along, torch.inf)
        length = torch.ones_like(along)
        for _ in range(30):
            left = slack - length * change
            inside = left > 0
            slope = along + length * square - 2 * self.penalty * (left * change * inside).sum(1, keepdim=True)
            bend = square + 2 * self.penalty * (change.square() * inside).sum(1, keepdim=True)
            low, high = torch.where(slope < 0, length, low), torch.where(slope > 0, length, high)
            new = length - slope / bend.clamp(min=1e-300)
            middle = torch.where(high.isinf(), 2 * length, (low + high) / 2)
            new = torch.where((new > low) & (new < high), new, middle)
            if bool(((new - length).abs() <= 1e-6 * length).all()):
                break
            length = new
        return length


def _gaps(gradients: Tensor, objectives: Tensor) -> Tensor:
    """The largest share of each objective (K,) that its minimum can lie below it."""
    found = gradients.square().sum(1) / 2 / objectives.clamp(min=1e-300)
    if not bool(found.isfinite().all()):
        raise GanevalError(_NOT_FINITE)
    return found
