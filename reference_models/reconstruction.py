"""Images as an encoder's model remembers them, beside the real ones."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn.functional import pad

from ganeval.errors import GanevalError
from ganeval.images.packing import squares, with_channels
from ganeval.images.source import Images, ImageSource
from reference_models.checkpoint import Checkpoint
from reference_models.recipe import Encoder
from reference_models.registry import recipes
from reference_models.seeds import seeded

AT_ONCE = 32


def fitted(checkpoint: Checkpoint, images: Images) -> Images:
    """uint8 (N, 1 or 3, H, W) => (N, C, S, S) as the model was trained on them, without its margin."""
    spec = checkpoint.spec
    return squares(with_channels(images, spec.channels), spec.size - 2 * spec.margin)


def reconstruct_images(checkpoint: Checkpoint, images: Images, labels: Sequence[int] | None = None) -> Images:
    """uint8 (N, C, S, S) without the margin => G(E(x)), of the same shape.

    Args:
        labels: class of each image, for conditional models; 0 by default.

    Raises:
        GanevalError: the model has no encoder.
    """
    recipe, spec = checkpoint.recipe, checkpoint.spec
    if not isinstance(recipe, Encoder):
        able = ", ".join(name for name, kind in recipes().items() if issubclass(kind, Encoder))
        raise GanevalError(
            f"{checkpoint.recipe_name} has no encoder, so it cannot reconstruct images: take a run of {able}"
        )
    device = next(iter(checkpoint.nets.state_dict().values())).device
    classes = torch.tensor(labels if labels is not None else [0] * len(images))
    inner = slice(spec.margin, spec.size - spec.margin)
    made = []
    for some, which in zip(torch.split(images, AT_ONCE), torch.split(classes, AT_ONCE)):
        padded = pad(some.float() / 127.5 - 1, [spec.margin] * 4, value=-1.0).to(device)
        with torch.inference_mode(), seeded(device, "reconstruct"):
            again = recipe.reconstruct(checkpoint.nets, padded, which.to(device)).float()[..., inner, inner]
        made.append(((again + 1) * 127.5).round().clamp(0, 255).to("cpu", torch.uint8))
    return torch.cat(made)


def reconstruction_rows(checkpoint: Checkpoint, source: ImageSource, count: int, columns: int) -> Images:
    """`count` images spread evenly over the source, `columns` in a row, below each row its reconstructions.

    The last row may be shorter: black images fill it. => uint8 (2 * rows * columns, C, S, S), for `save_grid`.
    """
    indices = torch.linspace(0, len(source) - 1, min(count, len(source))).round().int().tolist()
    real = torch.cat([fitted(checkpoint, images) for images in source.read(indices)])
    labels = [int(source.labels[index]) for index in indices] if source.labels is not None else None
    both = torch.stack([real, reconstruct_images(checkpoint, real, labels)])
    missing = -len(real) % columns
    filled = torch.cat([both, both.new_zeros(2, missing, *real.shape[1:])], dim=1)
    return torch.cat([image for row in torch.split(filled, columns, dim=1) for image in row])
