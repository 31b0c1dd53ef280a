"""BigGAN: the self-attention GAN made large, and what holds it together at that scale.

Brock, Donahue, Simonyan, "Large Scale GAN Training for High Fidelity Natural Image Synthesis", ICLR 2019,
https://arxiv.org/abs/1809.11096

Idea: batches eight times and widths one and a half times those of SAGAN, two steps of D for each of G, and in G

- one embedding of the class, shared by all layers, from which each batch norm projects its gains and biases;
- skip-z: the latent is cut into chunks, one for the first 4x4 maps and one more beside the embedding for each block;
- orthogonal regularisation without the diagonal, on the rows w of every weight matrix W: filters are kept apart, their
  norms left free, which makes G smooth enough for latents it was not trained on;
- truncation: samples come from latents drawn again where they fall outside [-`truncation`, `truncation`] (0: nowhere),
  which trades variety for fidelity;
- standing statistics: batch norm of samples uses means and variances over many passes with fresh latents, truncated
  alike, through the very weights that sample (the moving average's). They are computed at the first sample and are no
  part of a checkpoint.

Losses, with W W^T between the filters of each layer of G, and D the projection discriminator:

    L_D = E[max(0, 1 - D(x, y))] + E[max(0, 1 + D(G(z, y), y))]
    L_G = -E[D(G(z, y), y)] + beta sum over W of |W W^T * (1 - I)|^2

Reported: on ImageNet at 128x128 an Inception score of 166.5 and an FID of 7.4 (abstract).

Deviations: any power-of-two size (one block per doubling from 4x4, widths from `filters` at the image up to
16 x `filters`), the `latent` numbers shared out among its blocks; SAGAN's attention, without pooled keys; generated
images take the classes of the real ones beside them; the half-life of G's average, 0.9999 per step in the paper, is an
option of training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn
from torch.nn import ModuleDict, Parameter
from torch.nn.functional import batch_norm
from torch.optim import Adam, Optimizer

from ganeval.errors import GanevalError
from reference_models.losses import hinge, mean_scores
from reference_models.recipe import Batch, DataSpec, Recipe, Turn
from reference_models.residual import ConditionalNorm, ProjectionDiscriminator, ResidualGenerator, spectral_linear


class StandingNorm(nn.Module):
    """Batch norm that in evaluation mode uses statistics gathered over several passes, not running ones.

    Attributes:
        passes: which pass of gathering this is, from 1: its statistics enter the mean over passes; 0 afterwards.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, width: int, *, affine: bool = False) -> None:
        super().__init__()
        self.passes = 0
        self.gain = nn.Parameter(torch.ones(width)) if affine else None
        self.bias = nn.Parameter(torch.zeros(width)) if affine else None
        # functions of the weights: neither averaged nor saved
        self.register_buffer("mean", torch.zeros(width), persistent=False)
        self.register_buffer("variance", torch.ones(width), persistent=False)

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, S, S) => the same shape."""
        if self.training:
            return batch_norm(maps, None, None, self.gain, self.bias, training=True, eps=1e-4)
        gathering = self.passes > 0
        share = 1 / self.passes if gathering else 0.0
        return batch_norm(maps, self.mean, self.variance, self.gain, self.bias, gathering, share, 1e-4)


class Generator(nn.Module):
    """z (N, L) and classes (N,) => images (N, C, S, S) in [-1, 1].

    Attributes:
        seed: of the latents behind the standing statistics, int64 scalar.
        settled: the truncation they were gathered at. None: not yet, or `eval()` was called, as it is
            after weights have moved.
    """

    seed: Tensor

    def __init__(self, spec: DataSpec, latent: int, embedding: int, filters: int, attention: int) -> None:
        super().__init__()
        blocks = spec.size.bit_length() - 3
        chunk = latent // (blocks + 1)
        if not chunk:
            raise GanevalError(f"option 'latent' is {latent}: expected {blocks + 1} or more, one for each layer of z")
        self.chunks = [latent - blocks * chunk, *[chunk] * blocks]
        self.embed = nn.Embedding(spec.classes, embedding)
        nn.init.orthogonal_(self.embed.weight)

        def norm(width: int) -> nn.Module:
            return ConditionalNorm(StandingNorm(width), spectral_linear(chunk + embedding, 2 * width, bias=False))

        last = partial(StandingNorm, affine=True)
        self.body = ResidualGenerator(self.chunks[0], spec, filters, attention, norm=norm, last=last)
        self.settled: float | None = None
        self.register_buffer("seed", torch.randint(2**31, ()))

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        """z (N, L), classes (N,) => (N, C, S, S)."""
        first, *chunks = torch.split(z, self.chunks, dim=1)
        embedded = self.embed(labels)
        images: Tensor = self.body(first, [torch.cat([chunk, embedded], dim=1) for chunk in chunks])
        return images

    def train(self, mode: bool = True) -> Self:
        """As always, and forget the standing statistics."""
        self.settled = None
        return super().train(mode)

    @torch.no_grad()
    def gather(self, passes: int, draw: Callable[[torch.Generator], tuple[Tensor, Tensor]]) -> None:
        """Standing statistics: the means, over this many batches, of each batch's means and variances.

        Args:
            draw: a batch of latents and classes.
        """
        rng = torch.Generator().manual_seed(int(self.seed))
        norms = [module for module in self.modules() if isinstance(module, StandingNorm)]
        for number in [*range(1, passes + 1), 0]:
            for norm in norms:
                norm.passes = number
            if number:
                self(*(drawn.to(self.seed.device) for drawn in draw(rng)))

    def matrices(self) -> list[Tensor]:
        """What is kept orthogonal: all weights but the embedding of classes."""
        return [weight for weight in self.body.parameters() if weight.ndim > 1]


def filter_overlap(weight: Tensor) -> Tensor:
    """|W W^T * (1 - I)|^2, with the filters of a layer as the rows of W: the squared dot products of different filters.

    As |W W^T| = |W^T W|, the smaller of the two is computed, less the diagonal of the first.

    >>> filter_overlap(torch.tensor([[1.0, 2.0], [3.0, 0.0]])).item()
    18.0
    """
    rows = weight.flatten(1)
    gram = rows @ rows.T if len(rows) < rows.shape[1] else rows.T @ rows
    overlap: Tensor = gram.square().sum() - rows.square().sum(1).square().sum()
    return overlap


@dataclass(frozen=True)
class BigGAN(Recipe):
    """The paper's settings for ImageNet at 128x128."""

    title: ClassVar[str] = "Large scale GAN with shared embedding, skip-z and standing statistics"
    paper: ClassVar[str] = "Brock et al. 2019, arXiv:1809.11096"
    conditional: ClassVar[bool] = True
    small: ClassVar[Mapping[str, Any]] = {
        "batch_size": 24,
        "latent": 64,
        "embedding": 32,
        "filters": 16,
        "attention": 8,
        "generator_rate": 4e-4,
        "discriminator_rate": 8e-4,
        "beta2": 0.9,
        "standing_passes": 32,
    }

    batch_size: int = 2048
    latent: int = 120
    embedding: int = 128
    filters: int = 96
    attention: int = 64
    generator_rate: float = 5e-5
    discriminator_rate: float = 2e-4
    beta1: float = 0.0
    beta2: float = 0.999
    discriminator_steps: int = 2
    orthogonality: float = 1e-4
    truncation: float = 0.0
    standing_passes: int = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.truncation < 0:
            raise GanevalError(f"option 'truncation' is {self.truncation}: expected a bound above 0, or 0 for none")

    def networks(self, spec: DataSpec) -> ModuleDict:
        """G and D."""
        return ModuleDict(
            {
                "G": Generator(spec, self.latent, self.embedding, self.filters, self.attention),
                "D": ProjectionDiscriminator(spec, self.filters, self.attention),
            }
        )

    def optimizer(self, network: str, parameters: Iterable[Parameter]) -> Optimizer:
        """Adam without momentum, its divisor bounded as the paper's."""
        rate = self.generator_rate if network == "G" else self.discriminator_rate
        return Adam(parameters, lr=rate, betas=(self.beta1, self.beta2), eps=1e-6, fused=True)

    def latents(self, n: int, rng: torch.Generator) -> Tensor:
        """z for samples, (n, latent): from N(0, 1), given that no coordinate is beyond the truncation."""
        if not self.truncation:
            return torch.randn(n, self.latent, generator=rng)
        bound = self.truncation
        return nn.init.trunc_normal_(torch.empty(n, self.latent), a=-bound, b=bound, generator=rng)

    def drawn(self, batch: Batch) -> Tensor:
        """z for training, never truncated."""

        def draw() -> Tensor:
            return torch.randn(len(batch.real), self.latent, generator=batch.rng).to(batch.real.device)

        return batch.once("latents", draw)

    def generate(self, nets: ModuleDict, latents: Tensor, labels: Tensor) -> Tensor:
        """Images of the classes asked for; in evaluation mode by standing statistics, which the first call gathers."""
        net = nets["G"]
        assert isinstance(net, Generator)
        if not net.training and net.settled != self.truncation:
            net.gather(self.standing_passes, partial(self._batch, net.embed.num_embeddings))
            net.settled = self.truncation
        images: Tensor = net(latents, labels)
        return images

    def _batch(self, classes: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        return self.latents(self.batch_size, rng), torch.randint(classes, (self.batch_size,), generator=rng)

    def turns(self) -> Sequence[Turn]:
        """D on a fresh batch at each of its steps, then G on the last one's latents."""
        return [
            Turn("D", ("D",), self.discriminator_loss, repeat=self.discriminator_steps),
            Turn("G", ("G",), self.generator_loss),
        ]

    def discriminator_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """L_D, real and fake images in one pass."""
        fake = self.fake(nets, batch).detach()
        real_score, fake_score = nets["D"](torch.cat([batch.real, fake]), batch.labels.repeat(2)).chunk(2)
        return {"loss D": hinge(real_score, fake_score), **mean_scores(real_score, fake_score)}

    def generator_loss(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        """L_G in its two parts."""
        net = nets["G"]
        assert isinstance(net, Generator)
        score = nets["D"](self.fake(nets, batch), batch.labels).mean()
        overlap = torch.stack([filter_overlap(weight) for weight in net.matrices()]).sum()
        return {"loss G": -score, "overlap": self.orthogonality * overlap}
