"""Mixture: the yardstick of several Gaussians, in the space of principal components.

Dempster, Laird, Rubin, "Maximum Likelihood from Incomplete Data via the EM Algorithm", JRSS B 1977; that such a mixture
is a generator to be reckoned with: Richardson, Weiss, "On GANs and GMMs", NeurIPS 2018, https://arxiv.org/abs/1805.12462

Idea: the density of the first K coordinates c of an image,

    p(c) = sum_j w_j N(c; m_j, S_j),

fitted by expectation maximisation (scikit-learn's) from k-means centres. A sample takes cluster j with probability w_j,
then m_j + R_j e with R_j R_j^T = S_j and e from N(0, 1). Unlike one Gaussian it has modes, and unlike a GAN it has no
idea of what an image is. In the log: the mean `log-likelihood` of the training images' coordinates in nats,
`explained`, the share of the variance that is in these coordinates, and the `rounds` that it took.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import ModuleDict

from ganeval.errors import GanevalError
from reference_models.components import PrincipalComponents
from reference_models.recipe import Batches, DataSpec, Fitted


class Clusters(nn.Module):
    """z (N, 1 + K), a number in [0, 1) that chooses the cluster and K normal ones => images (N, C, S, S) in [-1, 1]."""

    weights: Tensor
    means: Tensor
    roots: Tensor

    def __init__(self, spec: DataSpec, clusters: int, components: int) -> None:
        super().__init__()
        self.components = PrincipalComponents(spec, components)
        width = len(self.components.deviations)
        self.register_buffer("weights", torch.full((clusters,), 1 / clusters))
        self.register_buffer("means", torch.zeros(clusters, width))
        self.register_buffer("roots", torch.zeros(clusters, width, width))

    def forward(self, z: Tensor) -> Tensor:
        """z (N, 1 + K) => images."""
        edges = self.weights.cumsum(0)
        chosen = torch.searchsorted(edges, z[:, 0] * edges[-1], right=True).clamp(max=len(edges) - 1)
        e = z[:, 1 : 1 + self.means.shape[1], None]
        return self.components.paint(self.means[chosen] + (self.roots[chosen] @ e).squeeze(2))


@dataclass(frozen=True)
class Mixture(Fitted):
    """Enough clusters for a few kinds of each of ten classes."""

    title: ClassVar[str] = "Mixture of Gaussians in the space of principal components"
    paper: ClassVar[str] = "Dempster et al. 1977; Richardson and Weiss 2018, arXiv:1805.12462: a yardstick"
    small: ClassVar[dict[str, Any]] = {"clusters": 30}

    batch_size: int = 256
    clusters: int = 100
    components: int = 64
    covariance: Literal["full", "diag"] = "full"
    rounds: int = 100

    def networks(self, spec: DataSpec) -> ModuleDict:
        """G alone."""
        return ModuleDict({"G": Clusters(spec, self.clusters, self.components)})

    def fit(self, nets: ModuleDict, batches: Batches, rng: torch.Generator) -> dict[str, float]:
        """Principal components, then expectation maximisation on the images' coordinates."""
        net = cast(Clusters, nets["G"])
        found = net.components.fit(batches, rng)
        rows = torch.cat([net.components.coordinates(images) for images in batches()]).double()
        if len(rows) < self.clusters:
            raise GanevalError(
                f"{len(rows)} images cannot be fitted by {self.clusters} clusters: give more images or fewer clusters, "
                f"--set clusters={max(len(rows) // 10, 1)}"
            )
        fitted = self._maximised(rows, int(torch.randint(2**31, (), generator=rng)))
        covariances = torch.from_numpy(fitted.covariances_)
        roots = torch.linalg.cholesky(covariances) if self.covariance == "full" else covariances.sqrt().diag_embed()
        for buffer, value in zip((net.weights, net.means), (fitted.weights_, fitted.means_)):
            buffer.copy_(torch.from_numpy(value))
        net.roots.copy_(roots)
        return {**found, "log-likelihood": float(fitted.score(rows.numpy())), "rounds": float(fitted.n_iter_)}

    def _maximised(self, rows: Tensor, seed: int) -> Any:
        """scikit-learn's `GaussianMixture` on rows (N, K)."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture

        mixture = GaussianMixture(
            self.clusters, covariance_type=self.covariance, max_iter=self.rounds, reg_covar=1e-5, random_state=seed
        )
        with warnings.catch_warnings():  # the log has the number of rounds
            warnings.simplefilter("ignore", ConvergenceWarning)
            return mixture.fit(rows.numpy())

    def latents(self, n: int, rng: torch.Generator) -> Tensor:
        """(n, 1 + components): uniform in [0, 1), then N(0, 1)."""
        return torch.cat([torch.rand(n, 1, generator=rng), torch.randn(n, self.components, generator=rng)], 1)
