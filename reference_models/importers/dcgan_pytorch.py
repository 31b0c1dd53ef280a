"""PyTorch's own DCGAN example (pytorch/examples/dcgan): `netG_*.pth` and `netD_*.pth`, state dicts of 64x64 networks.

G: z normal -> transposed convolutions of 4x4, batch norm and ReLU between them -> tanh. D: convolutions of 4x4, batch
norm from the second on, leaky ReLU of 0.2 -> one score; its sigmoid is left out, so that it gives logits.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import ModuleDict

from ganeval.errors import GanevalError
from reference_models.importers.imported import Found, Imported, Importer, digest, require_shapes
from reference_models.recipe import DataSpec

SIZE = 64
_FIRST, _LAST_OF_G, _LAST_OF_D = "main.0.weight", "main.12.weight", "main.11.weight"


class _Generator(nn.Module):
    """z (N, L) => images (N, C, 64, 64) in [-1, 1]."""

    def __init__(self, latent: int, filters: int, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.ConvTranspose2d(latent, filters * 8, 4, 1, 0, bias=False)]
        for wide, narrow in pairwise([filters * 8, filters * 4, filters * 2, filters, channels]):
            layers += [nn.BatchNorm2d(wide), nn.ReLU(inplace=True)]
            layers.append(nn.ConvTranspose2d(wide, narrow, 4, 2, 1, bias=False))
        self.main = nn.Sequential(*layers, nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        """z (N, L) => images (N, C, 64, 64)."""
        images: Tensor = self.main(z[:, :, None, None])
        return images


class _Discriminator(nn.Module):
    """Images (N, C, 64, 64) => scores (N,)."""

    def __init__(self, filters: int, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for depth, (narrow, wide) in enumerate(pairwise([channels, filters, filters * 2, filters * 4, filters * 8])):
            layers.append(nn.Conv2d(narrow, wide, 4, 2, 1, bias=False))
            layers += [nn.BatchNorm2d(wide)] if depth else []
            layers.append(nn.LeakyReLU(0.2, inplace=True))
        self.main = nn.Sequential(*layers, nn.Conv2d(filters * 8, 1, 4, 1, 0, bias=False))

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, C, 64, 64) => scores (N,)."""
        scores: Tensor = self.main(images)
        return scores.flatten()


@dataclass(frozen=True)
class DCGANPyTorch(Imported):
    """The example's networks. `parts` says which of them were imported."""

    title: ClassVar[str] = "DCGAN of PyTorch's examples"
    paper: ClassVar[str] = "Radford et al. 2015, arXiv:1511.06434"

    latent: int = 100
    filters_g: int = 64
    filters_d: int = 64
    parts: Literal["GD", "G", "D"] = "GD"

    def networks(self, spec: DataSpec) -> ModuleDict:
        """G, D or both."""
        made: dict[str, nn.Module] = {}
        if "G" in self.parts:
            made["G"] = _Generator(self.latent, self.filters_g, spec.channels)
        if "D" in self.parts:
            made["D"] = _Discriminator(self.filters_d, spec.channels)
        return ModuleDict(made)

    def latents(self, n: int, rng: torch.Generator) -> Tensor:
        """z from N(0, 1), (n, latent)."""
        return torch.randn(n, self.latent, generator=rng)


def read(paths: Sequence[Path]) -> Found:
    """One or two files, told apart by what they hold.

    Raises:
        GanevalError: no such file, no state dict, two of the same network, or another network's.
    """
    states = [_state(path) for path in paths]
    found = {_which(state, path): state for state, path in zip(states, paths)}
    if not found or len(found) != len(paths):
        raise GanevalError(f"dcgan-pytorch takes netG_*.pth, netD_*.pth, or both, got {', '.join(map(str, paths))}")
    sizes = _sizes(found)
    spec = DataSpec(SIZE, sizes.pop("channels"))
    parts: Literal["GD", "G", "D"] = "GD" if len(found) == 2 else "G" if "G" in found else "D"
    recipe = DCGANPyTorch(**sizes, parts=parts)
    with torch.device("meta"):  # only names and shapes are wanted
        nets = recipe.networks(spec)
    for key, network in nets.items():
        wanted = {name: tuple(value.shape) for name, value in network.state_dict().items() if value.ndim}
        require_shapes(f"network {key}", wanted, found[key])
    read_all = {f"{key}.{name}": value for key, state in found.items() for name, value in state.items()}
    return Found(recipe, spec, found, statistics=True, digest=digest(read_all))


IMPORTER = Importer("netG_*.pth and netD_*.pth of PyTorch's DCGAN example: one file or both", read)


def _state(path: Path) -> dict[str, Tensor]:
    """Tensors by name, without the prefix of DataParallel. Nothing in the file is executed."""
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise GanevalError(f"{path} does not exist") from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise GanevalError(f"{path} is no state dict that can be read without executing it: {reason}") from None
    if not isinstance(loaded, Mapping) or not all(isinstance(value, Tensor) for value in loaded.values()):
        raise GanevalError(f"{path} holds no state dict: save net.state_dict(), not the network")
    return {str(name).removeprefix("module."): value for name, value in loaded.items()}


def _which(state: Mapping[str, Tensor], path: Path) -> str:
    if _FIRST in state and (_LAST_OF_G in state or _LAST_OF_D in state):
        return "G" if _LAST_OF_G in state else "D"
    raise GanevalError(f"{path} holds {', '.join(list(state)[:4])} ...: expected {_FIRST} to {_LAST_OF_G} (G) or D's")


def _sizes(found: Mapping[str, Mapping[str, Tensor]]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    if "D" in found:
        sizes |= {"filters_d": found["D"][_FIRST].shape[0], "channels": found["D"][_FIRST].shape[1]}
    if "G" in found:
        last = found["G"][_LAST_OF_G].shape
        sizes |= {"latent": found["G"][_FIRST].shape[0], "filters_g": last[0], "channels": last[1]}
    return sizes
