"""Divergences from estimates of the log density ratio T(x) = log p(x)/q(x). Knows no metric, and not how T was found.

Every divergence here has a variational form, the largest value over all functions T of E_p u(T) + E_q v(T), reached by
the true log ratio. So a T that was found on other samples gives a lower bound in expectation, its error enters squared,
and the terms' variances give a standard error.

With m models fitted to disjoint parts of the samples the bound of their average rises with m as b - c/m. Two points of
that line, a single model and the average of all, give b: the value is the bound carried on to infinitely many models,
which leaves out what the noise of fitting costs. It does not leave out what fits that can learn any ratio, kernels and
networks, miss of it: where they are tuned to err least, about as much as their noise does. So the interval reaches up
by once more what was carried on, for the share of the value that such fits found; and, of kernels, by what they blur:
the loss grows with the square of their width, and a second, wider one shows it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.special import expit, log_expit, logsumexp
from scipy.stats import norm, rankdata

from ganeval.uncertainty import Estimate, normal_interval, within

Array = npt.NDArray[np.float64]
Divergence = Literal["js", "kl", "kl_reverse", "tv", "chi2"]
LIMITS: dict[Divergence, float] = {
    "js": math.log(2),
    "kl": math.inf,
    "kl_reverse": math.inf,
    "tv": 1.0,
    "chi2": math.inf,
}
_ONE_SIDED = float(norm.ppf(0.95))
_LONELY = 0.02
_FEW_WEIGHTS = 50  # samples in effect, below which a mean of weights is not to be relied on
_SPREAD = 1.0  # of a logit between models, up to which the exponential is carried on
_CARRIED = 0.22  # of a value, that may lie above what the fits prove
_RARE, _GUESSED = 20, 0.1  # samples in n below which a ratio is a guess; the most of a value that may rest on such
WIDER = 1.35
"""Times the width of kernels, for a second opinion."""
_BORDER = (0.2, 0.98)  # shares of samples that are certain, between which supports end where others go on


@dataclass(frozen=True)
class LogRatios:
    """T at samples that had no part in finding it.

    Attributes:
        real: float64 (m, M): T at each real sample, by each of m models fitted to disjoint parts of the others.
        fake: float64 (m, N).
        how: what the models are, for a method.
        warnings: what speaks against believing them.
        plain: the same by the part of the models that has a fixed form, of which more samples tell all; None for none.
        wider: the same by kernels `WIDER` times as wide; None where there are no kernels.
    """

    real: Array
    fake: Array
    how: str
    warnings: tuple[str, ...] = ()
    plain: LogRatios | None = None
    wider: LogRatios | None = None


def estimated(ratios: LogRatios, divergence: Divergence) -> Estimate:
    """The divergence of p (real) from q (generated) in nats; TV and chi-square have no unit.

    `details` has the lower bound that holds in 95 % of draws (`bound`), the bound's mean without that allowance
    (`bound_mean`), how well T tells the two apart (`accuracy`, `auc`), and `warnings`.

    >>> apart = LogRatios(np.full((2, 9), 40.0), np.full((2, 9), -40.0), "a rule")
    >>> round(estimated(apart, "js").value, 6)  # log 2, less log(10 / 9): nine samples show no ratio above 9
    0.587787
    """
    lower = _lower(ratios, divergence)
    (value, error), (bound, spread) = _mean(_terms(ratios, divergence)), _mean(lower)
    found = normal_interval(value, error, f"interval of cross-fitted terms; {ratios.how}")
    blurred = 0.0 if ratios.wider is None else value - _mean(_terms(ratios.wider, divergence))[0]
    missed = _missed(ratios, divergence, value - bound, bound) + max(0.0, blurred) / (WIDER**2 - 1)
    found = reaching(found, missed)
    details = {"bound": max(0.0, bound - _ONE_SIDED * spread), "bound_mean": bound, **separation(ratios)}
    unmet = _unmet(ratios, divergence) if value > error else ()  # sets that may be equal leave nothing to be guessed
    warnings = (*ratios.warnings, *unmet, *_few_weights(ratios, divergence))
    warnings += (*_unlearnt(value, bound, error), *_bordered(ratios)) if divergence == "js" else ()
    return bounded(replace(found, details=details), LIMITS[divergence], warnings)


def _sides(ratios: LogRatios, divergence: Divergence) -> list[tuple[Callable[[Array], Array], Array]]:
    """The form and the clipped T of either set."""
    share = 0.5 if divergence == "chi2" else 1.0  # its terms are squares of the ratio
    return [(form, _clipped(each, ratios, share)) for form, each in zip(_FORMS[divergence], (ratios.real, ratios.fake))]


def _terms(ratios: LogRatios, divergence: Divergence) -> list[Array]:
    """Terms of the value: of the bound by infinitely many models, and what clipping cut."""
    spread_of = math.inf if divergence in ("js", "tv") else _SPREAD
    carried = [_carried(form, each, spread_of) for form, each in _sides(ratios, divergence)]
    return [terms + more for terms, more in zip(carried, _beyond(ratios, divergence))]


def _lower(ratios: LogRatios, divergence: Divergence) -> list[Array]:
    """Terms of the bound by the average of all models."""
    return [form(each.mean(0)) for form, each in _sides(ratios, divergence)]


def _missed(ratios: LogRatios, divergence: Divergence, carried: float, bound: float) -> float:
    """What the interval has to reach up by: what flexible fits miss, and what samples are too few to show of JS."""
    plain = 0.0 if ratios.plain is None else _mean(_lower(ratios.plain, divergence))[0]
    flexible = min(1.0, max(0.0, 1 - plain / bound)) if bound > 0 else 1.0
    unseen = 0.0
    if divergence == "js":  # a ratio is no larger than the number of samples, whatever it is
        most = math.log(min(ratios.real.shape[1], ratios.fake.shape[1]))
        certain = [float(np.mean(side.mean(0) >= most)) for side in (ratios.real, -ratios.fake)]
        unseen = float(np.mean(certain)) * math.log1p(math.exp(-most))
    return flexible * max(0.0, carried) + unseen


def reaching(found: Estimate, further: float) -> Estimate:
    """The estimate with an interval that goes further up, or down where this is below 0.

    >>> reaching(Estimate(1.0, 0.5, 1.5), -0.25).low
    0.25
    """
    if found.low is None or found.high is None:
        return found
    return replace(found, low=found.low + min(0.0, further), high=found.high + max(0.0, further))


def bounded(found: Estimate, most: float = math.inf, warnings: Sequence[str] = ()) -> Estimate:
    """The estimate cut to what a divergence can be, 0 to `most`; as it came out it is `details["unclipped"]`.

    >>> bounded(Estimate(-0.1, -0.3, 0.1)).value
    0.0
    """
    details: dict[str, Any] = {**found.details, "unclipped": found.value}
    if warnings:
        details["warnings"] = [*warnings]
    cut = within(found, 0.0, most)
    return replace(cut, value=min(max(found.value, 0.0), most), details=details)


def _unmet(ratios: LogRatios, divergence: Divergence) -> Iterator[str]:
    """A warning where samples of one set lie where the other has none."""
    lonely = {"kl": ratios.real, "chi2": ratios.real, "kl_reverse": -ratios.fake}.get(divergence)
    share = 0.0 if lonely is None else float(np.mean(lonely.mean(0) > math.log(lonely.shape[1])))
    if share > _LONELY:
        yield (
            f"{share:.0%} of the samples lie where the other set has next to none: the divergence may be infinite, and "
            "no number of samples shows how large it is; JS and Wasserstein distances stay finite"
        )
    elif divergence in ("kl", "kl_reverse") and lonely is not None:
        logs = lonely.mean(0)
        guessed = float(np.where(logs > math.log(lonely.shape[1] / _RARE), logs, 0).mean())
        if guessed > _GUESSED * max(float(logs.mean()), 0):
            yield (
                f"{guessed:.3g} nats come from samples of which the other set has less than {_RARE} in {len(logs)} "
                "alike: how much less is a guess, which the interval does not hold; use more samples, or read JS"
            )


def _bordered(ratios: LogRatios) -> Iterator[str]:
    """A warning where the supports overlap in part: between certain and uncertain samples is a border."""
    least, most = _BORDER
    for_certain = math.log(min(ratios.real.shape[1], ratios.fake.shape[1]) / _RARE)
    share = float(np.mean([np.mean(side.mean(0) > for_certain) for side in (ratios.real, -ratios.fake)]))
    if least < share < most:
        yield (
            f"{share:.0%} of the samples lie where the other set has next to none, the others do not: if there is a "
            "sharp border, a smooth ratio blurs it, and the value is too low by more than the interval says"
        )


def _few_weights(ratios: LogRatios, divergence: Divergence) -> Iterator[str]:
    """A warning where a mean of exp(T) rests on few samples (the effective number of Kong 1992)."""
    logits = {"kl": ratios.fake, "chi2": ratios.fake, "kl_reverse": -ratios.real}.get(divergence)
    if logits is None:
        return
    power = 2 if divergence == "chi2" else 1  # of the ratio, whose mean is asked for
    logs = power * _clipped(logits, ratios, 1 / power).mean(0)
    effective, needed = math.exp(2 * float(logsumexp(logs)) - float(logsumexp(2 * logs))), power * _FEW_WEIGHTS
    if effective < needed:
        yield (
            f"the mean of the {'square of the ' * (power == 2)}density ratio rests on {effective:.0f} of {len(logs)} "
            f"samples in effect, where "
            f"{needed} or more are needed: the value is unsteady, and its interval too narrow; JS is steadier"
        )


def _unlearnt(value: float, bound: float, error: float) -> tuple[str, ...]:
    """A warning where much of a value is no bound, but what more fits are expected to add to it."""
    if value <= 0 or value - bound <= max(_CARRIED * value, error):
        return ()
    return (
        f"fits prove {max(0.0, bound):.3g} of {value:.3g} nats, and the rest is what more of them would add: so many "
        "samples do not suffice to learn the difference, and the value, interval included, may be too low",
    )


def _carried(form: Callable[[Array], Array], logits: Array, reach: float) -> Array:
    """Terms (N,) for infinitely many models, from one and from all m of (m, N).

    The line on which both lie is one of small differences between models: where these differ by more than `reach`, an
    exponential of one of them says nothing of what more would add.
    """
    middle = logits.mean(0)
    together: Array = form(middle)
    if len(logits) == 1:
        return together
    alone: Array = form(np.clip(logits, middle - reach, middle + reach)).mean(0)
    return together + (together - alone) / (len(logits) - 1)


def _beyond(ratios: LogRatios, divergence: Divergence) -> tuple[Array, Array]:
    """What clipping cut from the linear terms of KL. It has no place in a bound, but is missing from the value."""
    sides = ratios.real, ratios.fake
    real, fake = ((side - _clipped(side, ratios)).mean(0) for side in sides)
    return real * (divergence == "kl"), -fake * (divergence == "kl_reverse")


def separation(ratios: LogRatios) -> dict[str, float]:
    """How well T tells real from generated: `accuracy`, the mean over both sets, and `auc`; 0.5 is chance.

    >>> separation(LogRatios(np.ones((1, 2)), np.zeros((1, 2)), "a rule"))
    {'accuracy': 0.75, 'auc': 1.0}
    """
    real, fake = ratios.real.mean(0), ratios.fake.mean(0)
    ranks = rankdata(np.concatenate([real, fake]))[: len(real)]
    auc = (float(ranks.mean()) - (len(real) + 1) / 2) / len(fake)
    return {"accuracy": float(np.mean(np.sign(real)) - np.mean(np.sign(fake))) / 4 + 0.5, "auc": auc}


def donsker_varadhan(ratios: LogRatios) -> float:
    """E_p T - log E_q exp(T): KL(p || q) at most, in expectation over many samples of q; biased upwards with few."""
    real, fake = ratios.real.mean(0), ratios.fake.mean(0)
    return float(real.mean() - logsumexp(fake) + math.log(len(fake)))


def swapped(ratios: LogRatios) -> LogRatios:
    """The ratio of q to p."""
    plain, wider = (other and swapped(other) for other in (ratios.plain, ratios.wider))
    return replace(ratios, real=-ratios.fake, fake=-ratios.real, plain=plain, wider=wider)


def calibrated(ratios: LogRatios) -> LogRatios:
    """a + b T by logistic regression on T itself (Platt 1999): the plug-in's ratio, one for all models."""
    real, fake = ratios.real.mean(0), ratios.fake.mean(0)
    slope, offset = 1.0, 0.0
    for _ in range(20):
        gradient, curvature = np.zeros(2), 1e-6 * np.eye(2)
        for values, label in ((real, 1.0), (fake, 0.0)):
            design = np.stack([values, np.ones_like(values)], 1)
            guess = expit(design @ [slope, offset])
            gradient += design.T @ (label - guess) / len(values)
            curvature += (design * (guess * (1 - guess))[:, None]).T @ design / len(values)
        slope, offset = np.clip(np.array([slope, offset]) + np.linalg.solve(curvature, gradient), -5, 5).tolist()
    return replace(ratios, real=slope * real[None] + offset, fake=slope * fake[None] + offset)


def plug_in(ratios: LogRatios) -> dict[str, float]:
    """Means of the calibrated T and of its JS terms, no bounds: `kl`, `kl_reverse`, `js`."""
    found = calibrated(ratios)
    real, fake = found.real[0], found.fake[0]
    middle = (np.mean(log_expit(real)) + np.mean(log_expit(-fake))) / 2 + math.log(2)
    return {"kl": float(real.mean()), "kl_reverse": float(-fake.mean()), "js": float(middle)}


def _mean(sides: Sequence[Array]) -> tuple[float, float]:
    """Sum of the means of the terms of both sets, and its standard error."""
    square = sum(float(side.var(ddof=1)) / len(side) for side in sides)
    return float(sum(side.mean() for side in sides)), math.sqrt(square)


def _clipped(values: Array, ratios: LogRatios, share: float = 1.0) -> Array:
    """Any T gives a bound: one whose exponential a finite sample can average gives one with a standard error."""
    reach = share * math.log(min(ratios.real.shape[1], ratios.fake.shape[1]))
    return np.clip(values, -reach, reach)


_FORMS: Mapping[Divergence, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "js": (lambda t: (log_expit(t) + math.log(2)) / 2, lambda t: (log_expit(-t) + math.log(2)) / 2),
    "kl": (lambda t: t + 1, lambda t: -np.exp(t)),
    "kl_reverse": (lambda t: -np.exp(-t), lambda t: 1 - t),
    "tv": (lambda t: np.sign(t) / 2, lambda t: -np.sign(t) / 2),
    "chi2": (lambda t: 2 * np.exp(t) - 1, lambda t: -np.exp(2 * t)),
}
"""u and v of each: Nguyen, Wainwright, Jordan 2010, arXiv:0809.0853, and Nowozin et al. 2016, arXiv:1606.00709."""
