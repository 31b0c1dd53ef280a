"""A recipe's networks as a picture: the blocks that an iteration runs through, in order, and the shapes they make."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import ModuleDict

from reference_models.recipe import Batch, DataSpec, Fitted, Recipe
from reference_models.seeds import generator, seeded
from reference_models.state import build_networks

CPU = torch.device("cpu")
_IMAGES = 4
_FEW = 3
"""A network of fewer parts is taken apart one level further."""
_WORDS = {
    "Conv2d": "convolution",
    "ConvTranspose2d": "transposed convolution",
    "Linear": "linear",
    "Unflatten": "as maps",
    "Flatten": "as a row",
    "BatchNorm1d": "batch norm",
    "BatchNorm2d": "batch norm",
    "InstanceNorm2d": "instance norm",
    "GroupNorm": "layer norm",
    "LeakyReLU": "leaky ReLU",
    "Tanh": "tanh",
    "Sigmoid": "sigmoid",
    "Dropout": "dropout",
    "Upsample": "twice the size",
    "AvgPool2d": "mean pooling",
}
_BETWEEN: tuple[type[nn.Module], ...] = (
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.InstanceNorm2d,
    nn.GroupNorm,
    nn.LayerNorm,
    nn.ReLU,
    nn.LeakyReLU,
    nn.ELU,
    nn.Tanh,
    nn.Sigmoid,
    nn.Dropout,
    nn.Flatten,
    nn.Unflatten,
)
"""What shares the box of the part before it."""


@dataclass
class Block:
    """One box: what it does, and the shape of what leaves it, without the batch."""

    words: str
    shape: tuple[int, ...]


@dataclass
class Traced:
    """One network: the shape of the first thing that enters it, and its blocks in the order of their first call."""

    name: str
    entering: tuple[int, ...] = ()
    blocks: list[Block] = field(default_factory=list)


def traced(recipe: Recipe, spec: DataSpec) -> list[Traced]:
    """The networks that take part in one iteration, or in sampling where nothing is trained."""
    nets = build_networks(recipe, spec, 0, CPU).train()
    found = {name: Traced(name) for name in nets}
    handles = [handle for name, net in nets.items() for handle in _watch(net, found[name])]
    with seeded(CPU, 0, "diagram"):
        _iterate(recipe, nets, spec)
    for handle in handles:
        handle.remove()
    return [one for one in found.values() if one.blocks]


def _iterate(recipe: Recipe, nets: ModuleDict, spec: DataSpec) -> None:
    rng = generator(0, "diagram")
    if isinstance(recipe, Fitted):
        recipe.generate(nets, recipe.latents(_IMAGES, rng), torch.zeros(_IMAGES, dtype=torch.int64))
        return
    shape = (_IMAGES, spec.channels, spec.size, spec.size)
    real, other = torch.rand(shape, generator=rng), torch.rand(shape, generator=rng)
    labels = torch.arange(_IMAGES) % max(spec.classes, 1)
    batch = Batch(real, labels, rng, other if spec.source else None)
    for turn in recipe.turns():
        turn.loss(nets, batch)


def _watch(net: nn.Module, traced: Traced) -> Iterator[Any]:
    """Hooks that note every part of the network when it is first called."""
    for part in _parts(net):
        yield part.register_forward_hook(_noting(traced))


def _noting(traced: Traced) -> Any:
    seen = False

    def note(part: nn.Module, given: tuple[Any, ...], made: Any) -> None:
        nonlocal seen
        shapes = [tuple(each.shape[1:]) for each in (*given, made) if isinstance(each, Tensor)]
        if seen or not shapes or not isinstance(made, Tensor):
            return
        seen = True
        traced.entering = traced.entering or shapes[0]
        if isinstance(part, _BETWEEN) and traced.blocks:
            traced.blocks[-1].words += f", {_said(part)}"
            traced.blocks[-1].shape = shapes[-1]
        else:
            traced.blocks.append(Block(_said(part), shapes[-1]))

    return note


def _parts(net: nn.Module) -> list[nn.Module]:
    """The children; those of sequences and lists in their place, and of a network with few children, too."""
    children = list(net.children())
    if not children:
        return [net]
    parts = [part for child in children for part in (_parts(child) if _opens(child, len(children)) else [child])]
    return parts


def _opens(child: nn.Module, siblings: int) -> bool:
    if isinstance(child, nn.Sequential | nn.ModuleList | nn.ModuleDict):
        return True
    return siblings < _FEW and len(list(child.children())) > 1


def _said(part: nn.Module) -> str:
    kind = type(part).__name__.removeprefix("Parametrized")
    words = _WORDS.get(kind, kind)
    if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
        stride = f", stride {part.stride[0]}" if part.stride[0] > 1 else ""
        return f"{words} {part.kernel_size[0]}×{part.kernel_size[1]}{stride}"
    return words


# --- drawing ----------------------------------------------------------------------------------------------------------

_WIDE, _HIGH, _GAP, _MARGIN = 370, 40, 14, 16
_LETTERS = 62
"""Characters that fit into a box."""


def svg(networks: list[Traced], title: str) -> str:
    """The networks side by side, each from top to bottom."""
    rows = max(len(one.blocks) for one in networks)
    width = len(networks) * (_WIDE + _MARGIN) + _MARGIN
    height = (rows + 1) * (_HIGH + _GAP) + 2 * _MARGIN + 20
    columns = [_column(one, _MARGIN + place * (_WIDE + _MARGIN)) for place, one in enumerate(networks)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            'font-family="sans-serif" font-size="12">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
            *columns,
            "</svg>",
            "",
        ]
    )


def _column(one: Traced, left: int) -> str:
    top, middle = _MARGIN + 14, left + _WIDE // 2
    lines = [
        f'<text x="{left}" y="{top}" font-size="16" font-weight="bold" fill="#1a1d21">{escape(one.name)}</text>',
        f'<text x="{middle}" y="{top + 24}" text-anchor="middle" fill="#575e68">{_shape(one.entering)}</text>',
    ]
    for number, block in enumerate(one.blocks):
        lines += _box(block, left, top + 32 + number * (_HIGH + _GAP))
    return "\n".join(lines)


def _box(block: Block, left: int, at: int) -> list[str]:
    """An arrow down from `at`, and the box that it points to."""
    middle, top = left + _WIDE // 2, at + _GAP
    frame = f'x="{left}" y="{top}" width="{_WIDE}" height="{_HIGH}" rx="5"'
    words = escape(_cut(block.words))
    return [
        f'<path d="M{middle} {at}v{_GAP - 2}m-4 -5l4 5l4 -5" stroke="#9aa2ad" fill="none"/>',
        f'<rect {frame} fill="#eaf0fc" stroke="#2257bf"/>',
        f'<text x="{middle}" y="{top + 17}" text-anchor="middle" fill="#1a1d21">{words}</text>',
        f'<text x="{middle}" y="{top + 32}" text-anchor="middle" fill="#575e68">{_shape(block.shape)}</text>',
    ]


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "1"


def _cut(words: str) -> str:
    return words if len(words) <= _LETTERS else f"{words[: _LETTERS - 1]}…"
