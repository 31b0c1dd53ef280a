"""What models that translate images share: a discriminator that judges patches, and how their weights start."""

from __future__ import annotations

from torch import nn

from reference_models.recipe import DataSpec


def instance_norm(width: int) -> nn.Module:
    """Each map of each image to mean 0 and variance 1, then a learnt gain and bias: no image sees its company."""
    return nn.InstanceNorm2d(width, affine=True)


def patch_layers(wanted: int, size: int) -> int:
    """How many of the halvings that a `patch_discriminator` is asked for leave it maps to judge.

    >>> patch_layers(3, 256), patch_layers(3, 32), patch_layers(3, 16)
    (3, 3, 2)
    """
    return min(wanted, size.bit_length() - 3)


def receptive_field(layers: int) -> int:
    """Pixels a side that one score of a `patch_discriminator` sees.

    >>> [receptive_field(layers) for layers in (1, 2, 3)]
    [16, 34, 70]
    """
    return (9 << layers) - 2


def patch_discriminator(inputs: int, spec: DataSpec, filters: int, layers: int) -> nn.Sequential:
    """PatchGAN: maps (N, inputs, S, S) => scores of overlapping patches, (N, 1, P, P) (Isola et al. 2017, 6.1.2).

    C64-C128-C256-C512 for 64 filters and three layers, which judges patches of 70x70 pixels: 4x4 convolutions, of which
    `layers` halve the size (fewer where the image is too small for them), instance norm but for the first, leaky ReLU.
    """
    maps: list[nn.Module] = []
    halvings = patch_layers(layers, spec.size)
    for layer in range(halvings + 1):
        wide = filters * min(2**layer, 8)
        normed = [instance_norm(wide)] if layer else []
        maps += [nn.Conv2d(inputs, wide, 4, 2 if layer < halvings else 1, 1), *normed, nn.LeakyReLU(0.2, inplace=True)]
        inputs = wide
    return nn.Sequential(*maps, nn.Conv2d(inputs, 1, 4, 1, 1))
