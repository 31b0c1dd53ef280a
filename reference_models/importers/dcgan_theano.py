"""DCGAN as its authors released it: arrays in Theano's layout (Radford, Metz, Chintala 2015, github Newmu/dcgan_code).

G: z normal -> matrix, batch norm over all its outputs, ReLU -> maps of 4x4 -> transposed convolutions of 5x5 with
stride 2, batch norm and ReLU between them -> tanh. D: convolutions of 5x5 with stride 2, batch norm from the second on,
leaky ReLU of 0.2 -> one score. No biases but the batch norms'.

Theano's `dnn_conv` ran with true convolutions, which turn the kernel around, where PyTorch correlates: kernels are
flipped when they are read. Batch norms always used the statistics of their batch, so none are stored.

Files: `*gen_params.jl_NN.npy` and `*discrim_params.jl_NN.npy`, the arrays that joblib put beside its pickle, numbered
in the order of the parameters. The pickle itself is not needed, and never opened.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import ModuleDict

from ganeval.errors import GanevalError
from reference_models.importers.imported import Found, Imported, Importer, digest, require_shapes
from reference_models.layers import stage_widths, up
from reference_models.recipe import DataSpec

_KERNEL, _EPSILON = 5, 1e-8
_NAME = re.compile(r"(?P<net>gen|discrim)_params\.jl_(?P<number>\d+)\.npy$")


@dataclass(frozen=True)
class DCGANTheano(Imported):
    """The released networks, at any number of stages."""

    title: ClassVar[str] = "DCGAN as released by its authors"
    paper: ClassVar[str] = "Radford et al. 2015, arXiv:1511.06434"

    latent: int = 100
    filters: int = 64

    def networks(self, spec: DataSpec) -> ModuleDict:
        """G and D."""
        widths = stage_widths(spec.size, self.filters)
        return ModuleDict({"G": _generator(self.latent, widths[::-1], spec), "D": _discriminator(widths, spec)})

    def latents(self, n: int, rng: torch.Generator) -> Tensor:
        """z from N(0, 1), (n, latent)."""
        return torch.randn(n, self.latent, generator=rng)


def _generator(latent: int, widths: Sequence[int], spec: DataSpec) -> nn.Sequential:
    first = widths[0] * 16
    layers: list[nn.Module] = [nn.Linear(latent, first, bias=False), nn.BatchNorm1d(first, _EPSILON), nn.ReLU()]
    layers.append(nn.Unflatten(1, (widths[0], 4, 4)))
    for wide, narrow in pairwise(widths):
        layers += [up(wide, narrow, _KERNEL, bias=False), nn.BatchNorm2d(narrow, _EPSILON), nn.ReLU()]
    return nn.Sequential(*layers, up(widths[-1], spec.channels, _KERNEL, bias=False), nn.Tanh())


def _discriminator(widths: Sequence[int], spec: DataSpec) -> nn.Sequential:
    layers: list[nn.Module] = []
    for depth, (narrow, wide) in enumerate(pairwise([spec.channels, *widths])):
        layers.append(nn.Conv2d(narrow, wide, _KERNEL, 2, _KERNEL // 2, bias=False))
        layers += [nn.BatchNorm2d(wide, _EPSILON)] if depth else []
        layers.append(nn.LeakyReLU(0.2))
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(widths[-1] * 16, 1, bias=False), nn.Flatten(0))


def read(paths: Sequence[Path]) -> Found:
    """The pair in one folder.

    Raises:
        GanevalError: not one folder, arrays missing, of another type, or of shapes that make no DCGAN.
    """
    if len(paths) != 1 or not paths[0].is_dir():
        raise GanevalError(f"dcgan-theano takes one folder with *_params.jl_NN.npy files, got {_listed(paths)}")
    generator, discriminator = (_arrays(paths[0], net) for net in ("gen", "discrim"))
    maps = [array for array in discriminator if array.ndim == 4]
    if len(maps) < 2:
        raise GanevalError(f"{paths[0]}: {len(maps)} kernels of D, expected two or more of four dimensions")
    spec = DataSpec(4 << len(maps), maps[0].shape[1])
    recipe = DCGANTheano(latent=generator[0].shape[0], filters=maps[0].shape[0])
    with torch.device("meta"):  # only names and shapes are wanted
        nets = recipe.networks(spec)
    weights = {
        "G": _named(nets["G"], generator, f"{paths[0]}: G"),
        "D": _named(nets["D"], discriminator, f"{paths[0]}: D"),
    }
    read_all = {
        f"{net}{i}": array for net, found in (("G", generator), ("D", discriminator)) for i, array in enumerate(found)
    }
    return Found(recipe, spec, weights, statistics=False, digest=digest(read_all))


IMPORTER = Importer("the authors' released arrays in Theano layout: a folder of *_params.jl_NN.npy", read)


def _arrays(folder: Path, net: str) -> list[Tensor]:
    """The arrays of one network, by their number, float32."""
    matches = [(match, path) for path in folder.iterdir() if (match := _NAME.search(path.name)) and match["net"] == net]
    if not matches:
        raise GanevalError(f"{folder} has no *{net}_params.jl_NN.npy: name the folder with the released arrays")
    found = []
    for _, path in sorted(matches, key=lambda pair: int(pair[0]["number"])):
        try:
            array = np.load(path, allow_pickle=False)
        except (ValueError, OSError, EOFError) as error:
            raise GanevalError(f"{path} cannot be read as an .npy file of numbers: {error}") from None
        if array.dtype.kind != "f" or not np.isfinite(array).all():
            raise GanevalError(f"{path} is {array.dtype}, expected finite floats")
        found.append(torch.from_numpy(np.ascontiguousarray(array, np.float32)))
    return found


def _named(network: nn.Module, arrays: Sequence[Tensor], what: str) -> dict[str, Tensor]:
    """Arrays in the order of the parameters, under their names, kernels flipped and matrices transposed."""
    own = {name: parameter.shape for name, parameter in network.named_parameters()}
    if len(own) != len(arrays):
        raise GanevalError(f"{what} has {len(arrays)} arrays, and such a network {len(own)} parameters")
    turned = {name: _turned(array) for name, array in zip(own, arrays)}
    require_shapes(what, {name: tuple(shape) for name, shape in own.items()}, turned)
    return turned


def _turned(array: Tensor) -> Tensor:
    """Theano's array as PyTorch has it: true convolutions become correlations, x @ w becomes x @ w.T."""
    if array.ndim == 4:
        return array.flip(2, 3).contiguous()
    return array.T.contiguous() if array.ndim == 2 else array


def _listed(paths: Sequence[Path]) -> str:
    return ", ".join(map(str, paths)) or "nothing"
