"""lpips: the mean over pairs, on backbones with random weights under the package's own heads."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch

from ganeval.extractors.lpips import BACKBONES
from ganeval.scoring import Job
from ganeval.testing.parity.cases import Case, Peer, Pictures, Sets, Values


def _network(net: str) -> Any:
    """The package's module; one seed, one backbone."""
    import lpips

    torch.manual_seed(0)
    return lpips.LPIPS(net=net, pnet_rand=True, verbose=False)


def _saved(net: str, path: Path) -> Path:
    """The backbone in torchvision's names."""
    module = _network(net)
    parts = [getattr(module.net, f"slice{k + 1}").state_dict() for k in range(module.net.N_slices)]
    torch.save({f"features.{key}": value for part in parts for key, value in part.items()}, path)
    return path


def _theirs(sets: Sets, net: str) -> Values:
    left, right = (images.float() / 127.5 - 1 for images in sets.pictures())
    return {"lpips": float(_network(net)(right, left).double().mean())}


def _job(sets: Sets, net: str) -> Job:
    weights = {BACKBONES[net].model: sets.material.weights(f"lpips-{net}", partial(_saved, net))}
    return sets.job(metrics=("lpips",), features=(f"lpips:{net}",), weights=weights)


def _case(side: int, channels: int, net: str) -> Case:
    return Case(Pictures(side, channels, 3), 0, partial(_theirs, net=net), partial(_job, net=net), net)


def cases(images: int) -> list[Case]:
    """Three networks; VGG16 at 32 pixels only, which takes its time."""
    kinds = [(side, channels) for side in (32, 200) for channels in (3, 1)]
    small = [_case(side, channels, net) for net in ("alex", "squeeze") for side, channels in kinds]
    return small + [_case(32, channels, "vgg") for channels in (3, 1)]


PEER = Peer("lpips", "lpips", cases, "Its own path throughout; only the backbone's weights are random.")
