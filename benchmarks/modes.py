"""Mode collapse on 25 Gaussians in a grid, by the recipes' own losses and turns: python benchmarks/modes.py

Every model trains small networks on points of the plane, by its own losses, turns and optimizers. One model and seed
is a file in OUT/runs; what is there already, made with the same settings, is not trained again.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import torch
from torch import Tensor, nn
from torch.nn import ModuleDict

from ganeval.files import replace_text, replacing
from reference_models.averaging import decay, move_towards
from reference_models.recipe import Batch, Recipe
from reference_models.registry import make_recipe
from reference_models.seeds import generator, seeded
from reference_models.state import State
from reference_models.trainer import take

CPU = torch.device("cpu")
SIDE = 5
CENTRES = torch.cartesian_prod(torch.linspace(-2, 2, SIDE), torch.linspace(-2, 2, SIDE))
"""(25, 2), one unit apart."""
SIGMA = 0.025
"""A fortieth of the distance between neighbours, as in the papers' grid from -4 to 4 with sigma 0.05."""
NEAR = 3 * SIGMA
SAMPLES = 2500
KEPT = 500
"""Samples that a run's file keeps for the figure."""
HIDDEN = 128
FREQUENCIES = 64
BANDWIDTH = 2.5
HALFLIFE = 35_000
"""Half-life of the generator's moving average, in points seen."""
WAVES = frozenset({"gan", "unrolled"})
"""Models whose discriminator reads waves. A critic held to slope 1 learns the points themselves better."""
OPTIONS: dict[str, dict[str, Any]] = {
    "gan": {"batch_size": 256, "latent": 2, "learning_rate": 1e-3},
    "unrolled": {"batch_size": 256, "latent": 2, "discriminator_rate": 3e-5},
    "wgan_gp": {"batch_size": 128, "latent": 16, "learning_rate": 1e-3, "penalty": 0.1},
}
STEPS = {"gan": 10_000, "unrolled": 4_000, "wgan_gp": 4_000}
"""Generator steps of about two to three minutes on one core."""

REPORT = """# Mode collapse on 25 Gaussians

25 Gaussians in a grid, neighbours 40 standard deviations apart, equally likely. Every model trains the same
generator by its own losses and turns, on fresh points; 2,500 samples of the averaged generator are judged. The
discriminators of `gan` and `unrolled` read a point and random Fourier features of it, the critic of `wgan_gp` the
point alone.
Made by `python benchmarks/modes.py`.

{table}

Median (least to most) over the seeds. *Modes*: centres with a sample within 3 standard deviations, the usual count,
which a thin cloud over the whole plane satisfies, too. *Solid modes*: centres with at least a quarter of their share
there. *Quality*: share of samples within 3 standard deviations of a centre; of the mixture itself, 0.989. *KL*, *JS*:
of the shares of the 25 nearest centres from equal shares, in nats.

![Samples of every run](samples.png)

Options that differ from the papers' defaults:

{options}
"""


class Waves(nn.Module):
    """Points (N, 2) => themselves, sines and cosines of random frequencies, (N, 130).

    Perceptrons alone learn fine detail slowly; waves alone look far from the data as they do near it, and let G escape.

    Tancik et al. 2020, "Fourier Features Let Networks Learn High Frequency Functions", arXiv:2006.10739.
    """

    frequencies: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("frequencies", BANDWIDTH * torch.randn(2, FREQUENCIES))

    def forward(self, points: Tensor) -> Tensor:
        """Entries of variance 1 over a wide enough field."""
        phases = points @ self.frequencies
        return torch.cat([points, math.sqrt(2) * phases.sin(), math.sqrt(2) * phases.cos()], 1)


def points(n: int, rng: torch.Generator) -> Tensor:
    """Draws from the mixture, (n, 2)."""
    chosen = torch.randint(len(CENTRES), (n,), generator=rng)
    return CENTRES[chosen] + SIGMA * torch.randn(n, 2, generator=rng)


def perceptron(inputs: int, layers: int) -> nn.Sequential:
    """(N, inputs) => (N, HIDDEN) through rectifiers."""
    widths = [inputs] + layers * [HIDDEN]
    pairs = [(nn.Linear(width, HIDDEN), nn.ReLU()) for width in widths[:-1]]
    return nn.Sequential(*(layer for pair in pairs for layer in pair))


def networks(latent: int, waves: bool) -> ModuleDict:
    """G: latents (N, L) => points (N, 2). D: points => scores (N,)."""
    reader = [Waves(), perceptron(2 + 2 * FREQUENCIES, 1)] if waves else [perceptron(2, 3)]
    judge = nn.Sequential(*reader, nn.Linear(HIDDEN, 1), nn.Flatten(0))
    return ModuleDict({"G": nn.Sequential(perceptron(latent, 3), nn.Linear(HIDDEN, 2)), "D": judge})


@torch.no_grad()
def spread(generator: nn.Module, latents: Tensor) -> None:
    """Scale G's last layer, so that untrained samples lie about the data's mean as widely as the data."""
    last = list(generator.modules())[-1]
    assert isinstance(last, nn.Linear)
    last.weight.mul_(CENTRES.std(0, correction=0).mean() / generator(latents).std(0).mean())
    last.bias.sub_(generator(latents).mean(0))


def fresh(name: str, recipe: Recipe, seed: int) -> State:
    """The same generator for every recipe, with the recipe's optimizers and an average of G."""
    latents = recipe.latents(2000, generator(seed, "spread"))
    with seeded(CPU, seed, "networks"):
        nets = networks(latents.shape[1], name in WAVES)
    spread(nets["G"], latents)
    averages = ModuleDict({"G": copy.deepcopy(nets["G"]).requires_grad_(False)})
    return State(nets, averages, {name: recipe.optimizer(name, net.parameters()) for name, net in nets.items()})


def batches(recipe: Recipe, seed: int) -> Iterator[Batch]:
    """Fresh draws from the mixture without end."""
    draw = 0
    while True:
        rng = generator(seed, "batch", draw)
        yield Batch(points(recipe.batch_size, rng), torch.zeros(recipe.batch_size, dtype=torch.int64), rng)
        draw += 1


def train(name: str, recipe: Recipe, seed: int, steps: int) -> State:
    """Generator steps, each with as many of the discriminator's before it as the recipe takes."""
    state, drawn, turns = fresh(name, recipe, seed), batches(recipe, seed), recipe.turns()
    while state.step < steps:
        batch = next(drawn)
        for turn in turns:
            for repeat in range(turn.repeat):
                batch = next(drawn) if repeat else batch
                take(turn, state, batch)
        state.step += 1
        rate = decay(state.step * recipe.batch_size, recipe.batch_size, HALFLIFE)
        move_towards(state.averages["G"], state.nets["G"], rate)
    return state


@torch.no_grad()
def samples(recipe: Recipe, state: State, seed: int) -> Tensor:
    """(SAMPLES, 2), of the averaged generator."""
    latents = recipe.latents(SAMPLES, generator(seed, "samples"))
    return recipe.generate(state.best_nets(), latents, torch.zeros(SAMPLES, dtype=torch.int64))


def judged(samples: Tensor) -> dict[str, float]:
    """What of the mixture is there, by samples (N, 2).

    - modes: centres with at least one sample within 3 sigma.
    - solid_modes: centres with at least a quarter of their share, N / 25, within 3 sigma.
    - quality: share of the samples within 3 sigma of a centre; of the mixture itself, 1 - exp(-4.5) = 0.989.
    - kl, js: of the shares of the 25 nearest centres from equal shares, KL(shares, equal) and Jensen-Shannon, in nats.

    >>> judged(CENTRES[:10])  # doctest: +ELLIPSIS
    {'modes': 10, 'solid_modes': 10, 'quality': 1.0, 'kl': 0.916..., 'js': 0.274...}
    """
    distance, nearest = torch.cdist(samples, CENTRES).min(1)
    near = distance <= NEAR
    held = torch.bincount(nearest[near], minlength=len(CENTRES))
    shares = torch.bincount(nearest, minlength=len(CENTRES)).double() / len(samples)
    equal = torch.full_like(shares, 1 / len(CENTRES))
    middle = (shares + equal) / 2
    return {
        "modes": int((held > 0).sum()),
        "solid_modes": int((held >= len(samples) / len(CENTRES) / 4).sum()),
        "quality": near.double().mean().item(),
        "kl": divergence(shares, equal),
        "js": (divergence(shares, middle) + divergence(equal, middle)) / 2,
    }


def divergence(p: Tensor, q: Tensor) -> float:
    """KL(p, q) in nats, where q is positive wherever p is."""
    return float(torch.xlogy(p, p / q).sum())


def settings(name: str, seed: int, steps: int) -> dict[str, Any]:
    """All that decides a run's outcome."""
    return {"model": name, "seed": seed, "steps": steps, "options": OPTIONS[name]}


def run(name: str, seed: int, steps: int, out: Path) -> dict[str, Any]:
    """The record of one run: read, if it was made with these settings, else made."""
    path = out / "runs" / f"{name}-{seed}.json"
    wanted = settings(name, seed, steps)
    if path.exists():
        found: dict[str, Any] = json.loads(path.read_text())
        if {key: found.get(key) for key in wanted} == wanted:
            return found
    started = time.process_time()
    recipe = make_recipe(name, OPTIONS[name])
    drawn = samples(recipe, train(name, recipe, seed, steps), seed)
    kept = [[round(x, 3) for x in point] for point in drawn[:KEPT].tolist()]
    record = wanted | judged(drawn) | {"cpu_seconds": round(time.process_time() - started, 1), "samples": kept}
    replace_text(path, json.dumps(record) + "\n")
    return record


HEAD = ("model", "seeds", "modes ↑", "solid modes ↑", "quality ↑", "KL ↓", "JS ↓", "CPU seconds per run")


def rows(records: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Under `HEAD`, a row per model: median (least to most) over its seeds."""
    found = []
    for name in dict.fromkeys(record["model"] for record in records):
        own = [record for record in records if record["model"] == name]
        cells = [_spread([record[key] for record in own]) for key in ("modes", "solid_modes", "quality", "kl", "js")]
        seconds = statistics.median(record["cpu_seconds"] for record in own)
        found.append([name, str(len(own)), *cells, f"{seconds:.0f}"])
    return found


def table(records: Sequence[dict[str, Any]]) -> str:
    """`rows` as Markdown."""
    lines = [HEAD, ("---", *["---:"] * (len(HEAD) - 1)), *rows(records)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _spread(values: list[float]) -> str:
    show = "{:.0f}" if all(isinstance(value, int) for value in values) else "{:.3f}"
    middle, least, most = (show.format(value) for value in (statistics.median(values), min(values), max(values)))
    return f"{middle} ({least} to {most})"


def save_figure(records: Sequence[dict[str, Any]], path: Path) -> None:
    """Samples of every run over the grid: models downwards, seeds to the right."""
    matplotlib.use("agg")
    from matplotlib import pyplot

    names = list(dict.fromkeys(record["model"] for record in records))
    seeds = sorted({record["seed"] for record in records})
    figure, axes = pyplot.subplots(
        len(names), len(seeds), figsize=(2.2 * len(seeds), 2.4 * len(names)), squeeze=False, layout="constrained"
    )
    for axis in axes.flat:
        axis.set(xlim=(-2.8, 2.8), ylim=(-2.8, 2.8), aspect="equal", xticks=[], yticks=[])
    for record in records:
        axis = axes[names.index(record["model"]), seeds.index(record["seed"])]
        axis.scatter(*CENTRES.T, s=60, facecolors="none", edgecolors="0.8", linewidths=1)
        axis.scatter(*zip(*record["samples"]), s=2, color="C0", linewidths=0)
        axis.set_title(
            f"{record['model']}, seed {record['seed']}\n{record['modes']} modes, {record['quality']:.0%}", fontsize=8
        )
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110)
    pyplot.close(figure)


def write_report(records: Sequence[dict[str, Any]], out: Path) -> None:
    """README.md with the table, figures.json with the numbers of every run, samples.png."""
    save_figure(records, out / "samples.png")
    numbers = [{key: value for key, value in record.items() if key != "samples"} for record in records]
    replace_text(out / "figures.json", json.dumps(numbers, indent=1) + "\n")
    options = "\n".join(f"- `{name}`: {_chosen(name)}" for name in dict.fromkeys(record["model"] for record in records))
    replace_text(out / "README.md", REPORT.format(table=table(records), options=options))


def _chosen(name: str) -> str:
    return ", ".join(f"{key} {value}" for key, value in OPTIONS[name].items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(OPTIONS), default=list(OPTIONS), metavar="MODEL")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(range(5)), metavar="SEED")
    parser.add_argument("--steps", type=int, help="generator steps of every run, for a quick look")
    parser.add_argument("--out", type=Path, default=Path("reports/modes"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # layers of 128 units gain nothing from more
    records = []
    for name in arguments.only:
        for seed in arguments.seeds:
            record = run(name, seed, arguments.steps or STEPS[name], arguments.out)
            print(f"{name} {seed}: {record['modes']} modes, {record['quality']:.1%} within 3 sigma", flush=True)
            records.append(record)
    print(table(records))
    write_report(records, arguments.out)


if __name__ == "__main__":
    main()
