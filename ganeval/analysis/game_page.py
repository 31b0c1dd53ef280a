"""`Played` as a page: densities, D, D* and arrows; divergences along training; and the gradients at its start."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ganeval.analysis.game import Loss, Played, Snapshot
from ganeval.analysis.page import Page, Part, png
from ganeval.analysis.seen import Seen
from ganeval.analysis.start import Pull
from ganeval.uncertainty import Estimate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCHEMA = "ganeval/analysis/game/1"
HEADER = ("step", "JS", "by samples", "D says ≥", "KL", "by samples", "W1", "by samples", "accuracy of D", "of D*")
PULLS = ("steps of D", "accuracy of D", "mean D(G(z))", "|gradient|, minimax", "|gradient|, non-saturating", "ratio")
NAMES: Mapping[Loss, str] = {"minimax": "minimax (saturating)", "nonsaturating": "non-saturating"}


def rows(played: Played, estimates: Sequence[Seen]) -> list[tuple[str, ...]]:
    """The numbers at the steps that are drawn."""
    by_step = {at.step: at for at in played.measured}
    return [
        (
            f"{found.step:,}", f"{at.js:.3f}", f"{found.js.value:.3f}", f"{at.told:.3f}".replace("-", "−"),
            f"{at.kl:.3f}", f"{found.kl.value:.3f}", f"{at.w1:.3f}", f"{found.w1.value:.3f}",
            f"{at.accuracy:.3f}", f"{at.ideal:.3f}",
        )
        for found in estimates
        for at in (by_step[found.step],)
    ]  # fmt: skip


def pull_rows(pulls: Sequence[Pull]) -> list[tuple[str, ...]]:
    """The gradients' table."""
    return [
        (
            f"{pull.steps:,}", f"{pull.accuracy:.3f}", f"{pull.fake:.2g}", f"{pull.minimax:.2g}",
            f"{pull.nonsaturating:.2g}", f"{pull.nonsaturating / max(pull.minimax, 1e-300):,.3g}",
        )
        for pull in pulls
    ]  # fmt: skip


def record(games: Sequence[Played], estimates: Sequence[Seen], pulls: Sequence[Pull]) -> dict[str, Any]:
    """All numbers as plain data, without the curves."""
    return {
        "schema": SCHEMA,
        "games": [
            {
                "settings": dataclasses.asdict(played.game),
                "measured": [dataclasses.asdict(measured) for measured in played.measured],
            }
            for played in games
        ],
        "seen": [
            {"step": at.step, **{name: _plain(getattr(at, name)) for name in ("js", "kl", "w1")}} for at in estimates
        ],
        "start": [dataclasses.asdict(pull) for pull in pulls],
    }


def page(games: Sequence[Played], estimates: Sequence[Seen], pulls: Sequence[Pull], command: str) -> Page:
    """The first game in pictures; all of them along training; the gradients at the start."""
    played = games[0]
    game = played.game
    lead = (
        f"z is uniform on [−1, 1], the data are N({game.mean:g}, {game.deviation:g}²), G and D are perceptrons of two "
        f"hidden layers, trained by the losses and turns of `gan`: {game.discriminator_steps} steps of D for one of G, "
        f"{game.steps:,} times. On a line everything is known: the generated density follows from G, D* from the two "
        "densities, and every divergence from an integral, not from samples."
    )
    parts = [
        Part(
            f"The game, {NAMES[game.loss]}",
            "Density of the data (black, dotted), generated density (green), D(x) (blue) and D*(x) = p / (p + p_g) "
            "(grey, dashed); the arrows take even steps of z to G(z), and are dense where G puts much mass (Goodfellow "
            "et al. 2014, figure 1).",
            name="game",
            picture=png(_game(played.snapshots)),
        ),
        Part(
            "Along training",
            "JS, KL(generated, data) and W1 by integrals, and by estimates from samples. KL(data, generated) is "
            "infinite at every step: what G makes of a bounded z is bounded, and a Gaussian is not. What D says is "
            "log 2 + V(G, D) / 2, which reaches JS where D is D*, and is less for any other D. The accuracy of "
            "D* is (1 + TV) / 2, and 0.5 where the game is solved.",
            HEADER,
            rows(played, estimates),
            name="training",
            picture=png(_training(games, estimates)),
        ),
        Part(
            "At the start: saturating against non-saturating",
            "G as it was drawn, while D alone is trained. On the left the slope of either loss of G in the logit of D: "
            "log(1 − D) is flat just where D rejects what G makes. On the right the length of the gradient over all of "
            "G's weights: both grow while D gets a slope at all; then the surer D is, the less minimax moves G, while "
            "−log D keeps its pull (section 3).",
            PULLS,
            pull_rows(pulls),
            name="start",
            picture=png(_start(pulls)),
        ),
    ]
    return Page("The game on a line", lead, parts, record(games, estimates, pulls), command)


def _plain(found: Estimate) -> dict[str, Any]:
    return {"value": found.value, "low": found.low, "high": found.high, "method": found.method}


def _game(snapshots: Sequence[Snapshot]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure((3.2 * len(snapshots), 4.2), layout="constrained")
    panels = figure.subplots(2, len(snapshots), squeeze=False, height_ratios=(3, 1), sharex=True)
    low, high = _window(snapshots)
    for (top, below), snapshot in zip(panels.T, snapshots):
        top.plot(snapshot.x, snapshot.data, "k:", label="data, p")
        top.plot(snapshot.x, snapshot.generated, color="C2", label="generated, p_g")
        top.plot(snapshot.x, snapshot.judge, color="C0", label="D")
        top.plot(snapshot.x, snapshot.best, color="0.55", linestyle="--", label="D*")
        top.set(title=f"step {snapshot.step:,}", xlim=(low, high), ylim=(0, 1.25))
        _arrows(below, snapshot, low, high)
    panels[0, 0].legend(fontsize=8, loc="center right")
    panels[0, 0].set_ylabel("density; probability")
    return figure


def _arrows(axes: Any, snapshot: Snapshot, low: float, high: float) -> None:
    """From z, stretched over the window's middle half, up to x = G(z)."""
    middle, reach = (low + high) / 2, (high - low) / 4
    for z, x in zip(snapshot.z, snapshot.made):
        axes.annotate(
            "", (x, 1), (middle + reach * z, 0), arrowprops={"arrowstyle": "->", "color": "0.35", "linewidth": 0.7}
        )
    axes.plot([middle - reach, middle + reach], [0, 0], color="k", linewidth=1)
    axes.plot([low, high], [1, 1], color="k", linewidth=1)
    axes.set(ylim=(-0.35, 1.1), xlabel="x = G(z)")
    axes.set_yticks([0, 1], ["z", "x"])
    for at in (-1, 1):
        axes.annotate(f"{at}".replace("-", "−"), (middle + reach * at, -0.05), ha="center", va="top", fontsize=8)


def _window(snapshots: Sequence[Snapshot]) -> tuple[float, float]:
    """All but the tails of the data, and all that is generated."""
    first = snapshots[0]
    dense = first.x[first.data > 1e-3 * first.data.max()]
    made = [value for snapshot in snapshots for value in (snapshot.made.min(), snapshot.made.max())]
    low, high = min(float(dense[0]), *made), max(float(dense[-1]), *made)
    return low - 0.05 * (high - low), high + 0.05 * (high - low)


def _training(games: Sequence[Played], estimates: Sequence[Seen]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure((10, 6), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True)
    for number, played in enumerate(games):
        colour, name = f"C{number}", NAMES[played.game.loss]
        steps = [at.step for at in played.measured]
        for axes, key in zip(panels.flat, ("js", "kl", "w1", "accuracy")):
            axes.plot(steps, [getattr(at, key) for at in played.measured], color=colour, label=name)
        thin = {"color": colour, "linewidth": 1, "linestyle": ":"}
        panels[0, 0].plot(steps, [at.told for at in played.measured], label=f"what D says, {name}", **thin)
        panels[1, 1].plot(steps, [at.ideal for at in played.measured], label=f"D*, {name}", **thin)
    for axes, key in zip(panels.flat, ("js", "kl", "w1")):
        found = [getattr(at, key) for at in estimates]
        ends = [[at.value - at.low for at in found], [at.high - at.value for at in found]]
        where, values = [at.step for at in estimates], [at.value for at in found]
        axes.errorbar(where, values, ends, fmt="k.", capsize=2, linewidth=1, label="from samples of the first")
    panels[0, 0].axhline(math.log(2), color="0.6", linewidth=1)
    panels[0, 0].set(title="JS, nats (log 2 at most)", ylim=(-0.1, 0.75))
    panels[0, 1].set(title="KL(generated, data), nats", yscale="symlog")
    panels[1, 0].set(title="W1, in units of x", xlabel="step", ylim=(0, None))
    panels[1, 1].axhline(0.5, color="0.6", linewidth=1)
    panels[1, 1].set(title="accuracy of D", xlabel="step", ylim=(0, 1.02))
    for axes in panels.flat:
        axes.legend(fontsize=8)
    return figure


def _start(pulls: Sequence[Pull]) -> Figure:
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure((9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    d = np.linspace(0, 1, 101)
    left.plot(d, d, color="C1", label=NAMES["minimax"])
    left.plot(d, 1 - d, color="C0", label=NAMES["nonsaturating"])
    left.set(xlabel="D(G(z))", ylabel="|slope of G's loss in D's logit|")
    steps = [pull.steps for pull in pulls]
    right.plot(steps, [pull.minimax for pull in pulls], "C1o-", label=NAMES["minimax"])
    right.plot(steps, [pull.nonsaturating for pull in pulls], "C0o-", label=NAMES["nonsaturating"])
    right.set(yscale="log", xlabel="steps of D with G fixed", ylabel="|gradient of G's loss|")
    right.set_xscale("symlog", linthresh=10)
    right.set_xlim(-1, None)
    for axes in (left, right):
        axes.legend()
    return figure
