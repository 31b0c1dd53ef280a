"""What encoders share: the network that reads an image, codes drawn from a normal distribution, the error left over."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import ModuleDict

from reference_models.layers import downward_stack, stack_features
from reference_models.recipe import Batch, DataSpec, Encoder

WATCHED = 8
"""Images of a batch whose reconstruction is looked at while training, where no loss needs it."""


def image_encoder(spec: DataSpec, filters: int, outputs: int) -> nn.Sequential:
    """DCGAN's discriminator with another end: images (N, C, S, S) => (N, outputs)."""
    stack = downward_stack(spec.channels, spec, filters)
    return nn.Sequential(*stack, nn.Linear(stack_features(spec, filters), outputs))


class NormalCodes(NamedTuple):
    """q(z|x) = N(mean, diag(exp(log_variance))), one for each image, both (N, L)."""

    mean: Tensor
    log_variance: Tensor

    @classmethod
    def of(cls, answers: Tensor) -> NormalCodes:
        """From an encoder's (N, 2 L): means, then log variances."""
        return cls(*answers.chunk(2, dim=1))

    def draw(self, rng: torch.Generator) -> Tensor:
        """mean + deviation * e with e from N(0, 1), (N, L): gradients reach both (Kingma, Welling 2014, 2.4)."""
        noise = torch.randn(self.mean.shape, generator=rng).to(self.mean)
        return self.mean + (self.log_variance / 2).exp() * noise

    def divergence(self) -> Tensor:
        """KL(q(z|x) || N(0, 1)) in nats, (N,), at least 0 (Kingma and Welling 2014, appendix B).

        >>> NormalCodes(torch.tensor([[2.0, 0.0]]), torch.zeros(1, 2)).divergence()
        tensor([2.])
        """
        return (self.mean.square() + self.log_variance.exp() - 1 - self.log_variance).sum(1) / 2


def absolute_error(images: Tensor, again: Tensor) -> Tensor:
    """Mean |x - x~| over images, channels and pixels, for the log: in [0, 2], 0 is best, no gradient."""
    return (images - again).detach().abs().mean()


@torch.no_grad()
def watched_error(recipe: Encoder, nets: ModuleDict, batch: Batch) -> Tensor:
    """`absolute_error` of a few images of the batch, reconstructed as after training: nothing in the networks moves."""
    images, labels = batch.real[:WATCHED], batch.labels[:WATCHED]
    nets.eval()
    again = recipe.reconstruct(nets, images, labels)
    nets.train()
    return absolute_error(images, again)
