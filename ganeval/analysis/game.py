"""The textbook's GAN on a line: z uniform, x Gaussian, two small perceptrons, by the `gan` recipe's losses and turns.

Goodfellow et al. 2014, arXiv:1406.2661, figure 1. On a line everything is known: the generated density follows from G
by a change of variables, D* from the two densities, and every divergence from an integral.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import ModuleDict

from ganeval.analysis.line import Densities, Normal, between
from ganeval.analysis.value import Array
from ganeval.errors import GanevalError
from reference_models.gans.gan import GAN
from reference_models.recipe import Batch, Recipe
from reference_models.seeds import generator, seeded
from reference_models.state import State
from reference_models.trainer import take

Loss = Literal["minimax", "nonsaturating"]
Watch = Callable[[int, int], None]
Keep = Callable[[int, ModuleDict], None]
CPU = torch.device("cpu")
HIDDEN = 32
CURVE = 4001
"""Points of z, evenly over [-1, 1], at which G is looked at; straight lines between them."""
ARROWS = 21


@dataclass(frozen=True)
class Game:
    """What is played.

    Attributes:
        mean, deviation: of the data, which are Gaussian.
        loss: of G, as the recipe names it.
        discriminator_steps: of D for each of G's.
        snapshots: steps at which all of the figure is kept; the last step always is.
        measure_every: steps between measurements.
    """

    mean: float = 3.0
    deviation: float = 1.0
    steps: int = 1000
    loss: Loss = "nonsaturating"
    discriminator_steps: int = 5
    batch_size: int = 128
    learning_rate: float = 2e-3
    snapshots: Sequence[int] = (0, 30, 100, 300)
    measure_every: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "discriminator_steps", "batch_size", "measure_every"):
            if getattr(self, name) < 1:
                raise GanevalError(f"{name} is {getattr(self, name)}: expected 1 or more")
        if self.deviation <= 0:
            raise GanevalError(f"deviation is {self.deviation}: expected a number above 0")

    @property
    def data(self) -> Normal:
        """The law of the data."""
        return Normal(self.mean, self.deviation)

    @cached_property
    def recipe(self) -> Recipe:
        """`gan` with latents of one dimension."""
        return GAN(
            batch_size=self.batch_size,
            loss=self.loss,
            discriminator_steps=self.discriminator_steps,
            latent=1,
            learning_rate=self.learning_rate,
        )

    def shown(self) -> list[int]:
        """Steps of the snapshots that are reached, and the last."""
        return sorted({step for step in self.snapshots if 0 <= step < self.steps} | {self.steps})


@dataclass(frozen=True)
class Measured:
    """The game after `step` steps; divergences are integrals of the true densities, not estimates.

    Attributes:
        js, kl: of data and generated density, KL(generated || data), in nats. KL(data || generated) is always
            infinite: what G makes of a bounded z is bounded, and a Gaussian is not.
        w1: in units of x.
        accuracy: of D, in expectation; `ideal` is that of D*, (1 + TV) / 2.
        told: log 2 + V(G, D) / 2: what D says that JS is at least, in nats.
    """

    step: int
    js: float
    kl: float
    w1: float
    accuracy: float
    ideal: float
    told: float


@dataclass(frozen=True)
class Snapshot:
    """The figure at one step: densities (at the middles of `x`'s bins), D and D* there, and G at some z.

    Attributes:
        x, data, generated, judge, best: float64 (B,).
        z, made: (ARROWS,), z evenly over [-1, 1] and G(z).
    """

    step: int
    x: Array
    data: Array
    generated: Array
    judge: Array
    best: Array
    z: Array
    made: Array


@dataclass(frozen=True)
class Played:
    """A game, what was measured along it, its pictures, and generated samples (N, 1) of the same steps."""

    game: Game
    measured: tuple[Measured, ...]
    snapshots: tuple[Snapshot, ...]
    samples: Mapping[int, Tensor]


def networks() -> ModuleDict:
    """G: z (N, 1) => x (N, 1). D: x (N, 1) => the logit of being real, (N,). Draws from torch's global state."""
    g = nn.Sequential(nn.Linear(1, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, 1))
    d = nn.Sequential(
        nn.Linear(1, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, 1), nn.Flatten(0)
    )
    return ModuleDict({"G": g, "D": d})


def fresh(game: Game) -> State:
    """Initial weights, and the recipe's optimizers."""
    with seeded(CPU, game.seed, "networks"):
        nets = networks()
    return State(
        nets, ModuleDict(), {name: game.recipe.optimizer(name, net.parameters()) for name, net in nets.items()}
    )


def batches(game: Game) -> Iterator[Batch]:
    """Fresh draws of the data without end."""
    draw = 0
    while True:
        rng = generator(game.seed, "batch", draw)
        real = game.mean + game.deviation * torch.randn(game.batch_size, 1, generator=rng)
        yield Batch(real, torch.zeros(game.batch_size, dtype=torch.int64), rng)
        draw += 1


class Album:
    """What is seen of a game at chosen steps: numbers, pictures, and `count` generated samples of each picture."""

    def __init__(self, game: Game, count: int = 0) -> None:
        self.game, self.count = game, count
        self.measured: list[Measured] = []
        self.pictures: list[Snapshot] = []
        self.samples: dict[int, Tensor] = {}

    def look(self, step: int, nets: ModuleDict, *, drawn: bool) -> None:
        """Measure, and where `drawn` also keep the picture and samples."""
        at = densities(self.game, nets)
        self.measured.append(measure(step, at))
        if drawn:
            self.pictures.append(_snapshot(step, at, nets))
            self.samples[step] = _generated(self.game, nets, self.count)

    def played(self) -> Played:
        """All of it."""
        return Played(self.game, tuple(self.measured), tuple(self.pictures), self.samples)


def play(game: Game, watch: Watch | None = None, *, samples: int = 0, keep: Keep | None = None) -> Played:
    """Train, and look at the densities along the way.

    Args:
        samples: keep so many generated samples at every snapshot.
        keep: is handed step and networks wherever the game is looked at.
    """
    state, drawn, album = fresh(game), batches(game), Album(game, samples)
    shown = game.shown()
    for step in range(game.steps + 1):
        if step:
            iterate(game, state, drawn)
        if step in shown or step % game.measure_every == 0:
            album.look(step, state.nets, drawn=step in shown)
            if keep is not None:
                keep(step, state.nets)
        if watch is not None:
            watch(step, game.steps)
    return album.played()


def iterate(game: Game, state: State, drawn: Iterator[Batch]) -> None:
    """All turns of one iteration, each repeat on a fresh batch, which the next turn shares."""
    batch = next(drawn)
    for turn in game.recipe.turns():
        for repeat in range(turn.repeat):
            batch = next(drawn) if repeat else batch
            take(turn, state, batch)
    state.step += 1


@torch.no_grad()
def densities(game: Game, nets: ModuleDict) -> Densities:
    """Data, generated density and D on one grid of x."""
    z = torch.linspace(-1, 1, CURVE)[:, None]
    made: Array = nets["G"](z)[:, 0].double().numpy()
    return between(game.data, made, lambda x: nets["D"](torch.from_numpy(x).float()[:, None]).double().numpy())


def measure(step: int, at: Densities) -> Measured:
    """All of the numbers at one step."""
    known = at.divergences()
    return Measured(step, known["js"], known["kl_reverse"], at.w1(), at.accuracy(), (1 + known["tv"]) / 2, at.told())


@torch.no_grad()
def _snapshot(step: int, at: Densities, nets: ModuleDict) -> Snapshot:
    z = torch.linspace(-1, 1, ARROWS)[:, None]
    made: Array = nets["G"](z)[:, 0].double().numpy()
    return Snapshot(
        step, at.middles, np.exp(at.log_data), at.generated, at.judge(), at.best(), z[:, 0].double().numpy(), made
    )


@torch.no_grad()
def _generated(game: Game, nets: ModuleDict, count: int) -> Tensor:
    latents = game.recipe.latents(count, generator(game.seed, "samples"))
    return game.recipe.generate(nets, latents, torch.zeros(count, dtype=torch.int64))
