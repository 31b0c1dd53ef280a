"""The generated images that are closest to the training set, each beside the training image it resembles."""

from __future__ import annotations

import torch

from ganeval.images import ImageSource
from ganeval.images.grid import chosen, grid, png
from ganeval.reporting.report import Pair
from ganeval.scoring import Scored

SHOWN = 12


def closest_pairs(scored: Scored) -> list[Pair]:
    """Pairs that `nearest_training` names, most suspicious first; none without that score or without the images.

    Where files were left out, rows of features and places in the image set do not agree, and nothing is shown.
    """
    score = scored.card.score("nearest_training")
    listed = score.details.get("pairs", [])[:SHOWN] if score else []
    made, train = (scored.sources.get(role) for role in ("fake", "train"))
    if not listed or not isinstance(made, ImageSource) or not isinstance(train, ImageSource):
        return []
    if made.skipped or train.skipped:
        return []
    left = chosen(made, [pair["fake"] for pair in listed])
    right = chosen(train, [pair["train"] for pair in listed], (left.shape[2], left.shape[3]))
    channels = max(left.shape[1], right.shape[1])
    both = torch.stack([side.expand(-1, channels, -1, -1) for side in (left, right)], 1)
    return [
        Pair(pair["fake"], pair["train"], pair["ratio"], png(grid(images, columns=2)))
        for pair, images in zip(listed, both, strict=True)
    ]
