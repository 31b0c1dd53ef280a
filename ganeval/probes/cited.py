"""Numbers of the DCGAN paper's tables, for scale: on other people's features, images and labels, not measured here."""

from __future__ import annotations

from typing import NamedTuple


class Cited(NamedTuple):
    """One published accuracy. `labels` per class, None for all."""

    data: str
    name: str
    labels: int | None
    accuracy: float


SOURCE = "Radford et al. 2015, arXiv:1511.06434, Tables 1 and 2"

NUMBERS = (
    Cited("cifar", "k-means, 1 layer, 4800 maps", None, 0.806),
    Cited("cifar", "k-means, 3 layers, learned fields", None, 0.820),
    Cited("cifar", "Exemplar-CNN", None, 0.843),
    Cited("cifar", "DCGAN's D trained on ImageNet-1k, L2-SVM", None, 0.828),
    Cited("svhn", "k-NN", 100, 1 - 0.7793),
    Cited("svhn", "TSVM", 100, 1 - 0.6655),
    Cited("svhn", "M1 + M2", 100, 1 - 0.3602),
    Cited("svhn", "SWWAE without dropout", 100, 1 - 0.2783),
    Cited("svhn", "SWWAE with dropout", 100, 1 - 0.2356),
    Cited("svhn", "DCGAN's D, L2-SVM", 100, 1 - 0.2248),
    Cited("svhn", "the same architecture, supervised (on validation images)", 100, 1 - 0.2887),
)


def cited(data: str, labels: int | None) -> list[Cited]:
    """Those on data of this name, with as many labels."""
    return [one for one in NUMBERS if one.data in data.lower() and one.labels == labels]
