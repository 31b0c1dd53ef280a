"""KDE: the yardstick that remembers training images and adds noise, of the likelihood that GANs were first judged by.

Parzen, "On Estimation of a Probability Density Function and Mode", Annals of Mathematical Statistics 1962,
https://doi.org/10.1214/aoms/1177704472; as in Goodfellow et al., "Generative Adversarial Nets", NeurIPS 2014,
https://arxiv.org/abs/1406.2661, section 5, here with windows around training images instead of samples.

Idea: a Gaussian window around each of M training images c_j, all of one bandwidth s,

    p(x) = 1/M sum_j N(x; c_j, s^2 I),

and the s under which held-out images are most likely, found by expectation maximisation: s^2 is the mean squared
distance per dimension of held-out images to windows, each window weighted by its share of p(x). A sample is a training
image with noise of deviation s, cut to [-1, 1]. Two spaces:

    pixels  images as they are
    pca     coordinates of the first `components` principal components; what lies outside is left out

`log-likelihood` in the log is the mean over further held-out images, in nats per image, of pixels in [0, 1] (the 2014
paper's unit) or of coordinates of the same scale; `bandwidth` is in that unit, too. Theis et al. 2016,
https://arxiv.org/abs/1511.01844, show how little this says of the quality of samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import ModuleDict

from ganeval.errors import GanevalError
from reference_models.components import PrincipalComponents
from reference_models.parzen import best_bandwidth, log_likelihood
from reference_models.recipe import Batches, DataSpec, Fitted
from reference_models.rows import own_draws, row_width, seed_latents, to_images, to_rows

HELD_OUT = 1000
"""Images, at most, that choose the bandwidth, and as many again that are used for nothing but the log."""


class Windows(nn.Module):
    """`seed_latents` (N, 1) => images (N, C, S, S) in [-1, 1].

    Attributes:
        centres: (M, W), pixels in [-1, 1] or coordinates; the first `count` are in use.
        bandwidth: s, in the same unit.
    """

    centres: Tensor
    count: Tensor
    bandwidth: Tensor

    def __init__(self, spec: DataSpec, kernels: int, components: int) -> None:
        super().__init__()
        self.spec = spec
        self.components = PrincipalComponents(spec, components) if components else None
        width = len(self.components.deviations) if self.components else row_width(spec)
        self.register_buffer("centres", torch.zeros(kernels, width))
        self.register_buffer("count", torch.ones((), dtype=torch.int64))
        self.register_buffer("bandwidth", torch.ones(()))

    def forward(self, latents: Tensor) -> Tensor:
        """A centre each, plus noise."""
        draws = own_draws(latents)
        chosen = [int(rng.integers(int(self.count))) for rng in draws]
        noise = np.stack([rng.standard_normal(self.centres.shape[1], dtype=np.float32) for rng in draws])
        rows = self.centres[chosen] + self.bandwidth * torch.from_numpy(noise).to(self.centres)
        return self.components.paint(rows) if self.components else to_images(rows, self.spec)

    def rows(self, images: Tensor) -> Tensor:
        """(N, C, S, S) => (N, W)."""
        return self.components.coordinates(images) if self.components else to_rows(images, self.spec)


@dataclass(frozen=True)
class KDE(Fitted):
    """As many windows as the 2014 paper put around samples."""

    title: ClassVar[str] = "Kernel density estimate: Parzen windows"
    paper: ClassVar[str] = "Parzen 1962; Goodfellow et al. 2014, arXiv:1406.2661: a yardstick"
    small: ClassVar[dict[str, Any]] = {"kernels": 3000}

    batch_size: int = 256
    space: Literal["pixels", "pca"] = "pixels"
    components: int = 64
    kernels: int = 10_000

    def networks(self, spec: DataSpec) -> ModuleDict:
        """G alone."""
        return ModuleDict({"G": Windows(spec, self.kernels, self.components if self.space == "pca" else 0)})

    def fit(self, nets: ModuleDict, batches: Batches, rng: torch.Generator) -> dict[str, float]:
        """Centres, then the bandwidth by images that are none, then the likelihood of images that are neither."""
        net = cast(Windows, nets["G"])
        found = net.components.fit(batches, rng) if net.components else {}
        rows = torch.cat([net.rows(images) for images in batches()])
        if len(rows) < 3:
            raise GanevalError(f"{len(rows)} images: a bandwidth needs some that are held out, give 3 or more")
        held = min(max(len(rows) // 10, 1), HELD_OUT)
        chosen, tested, centres = rows[torch.randperm(len(rows), generator=rng)].tensor_split([held, 2 * held])
        centres = centres[: self.kernels]
        net.centres[: len(centres)] = centres
        net.count.fill_(len(centres))
        bandwidth = best_bandwidth(chosen, centres)
        net.bandwidth.fill_(bandwidth)
        # in [0, 1] all lengths are half of those in [-1, 1]
        likelihood = log_likelihood(tested / 2, centres / 2, bandwidth / 2).mean()
        return {**found, "bandwidth": bandwidth / 2, "log-likelihood": float(likelihood)}

    def latents(self, n: int, rng: torch.Generator) -> Tensor:
        """What a sample's draws are seeded by, int64 (n, 1)."""
        return seed_latents(n, rng)
