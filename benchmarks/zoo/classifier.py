"""A small convolutional classifier trained on the real images: what class does an image show, by eyes of its own?"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ganeval.errors import GanevalError
from ganeval.files import replace_text, replacing
from ganeval.images import ImageSource
from ganeval.images.source import Images
from reference_models.seeds import generator, seeded

EPOCHS = 4
BATCH = 128
RATE = 2e-3
_AT_ONCE = 500


def network(channels: int, size: int, classes: int) -> nn.Sequential:
    """Images (N, C, S, S) in [-1, 1] => logits (N, classes): two convolutions with pooling, two layers."""
    return nn.Sequential(
        nn.Conv2d(channels, 32, 3, padding=1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * (size // 4) ** 2, 128),
        nn.ReLU(inplace=True),
        nn.Dropout(0.4),
        nn.Linear(128, classes),
    )


class Classifier:
    """The trained network, and the share of test images that it gets right."""

    def __init__(self, net: nn.Sequential, accuracy: float) -> None:
        self.net, self.accuracy = net.eval(), accuracy

    def classes(self, images: Images) -> npt.NDArray[np.int64]:
        """uint8 (N, C, S, S) => the likeliest class of each, int64 (N,)."""
        with torch.inference_mode():
            found = [self.net(_floats(part)).argmax(1) for part in torch.split(images, _AT_ONCE)]
        return torch.cat(found).numpy()

    def agreement(self, images: Images, labels: npt.NDArray[np.int64]) -> float:
        """Share of the images that show the class of their label."""
        return float((self.classes(images) == labels).mean())


def trained_classifier(train: ImageSource, test: ImageSource, folder: Path, seed: int) -> Classifier:
    """The classifier of these training images: from `folder` if it was trained before, else trained and put there."""
    about = json.dumps([train.fingerprint, test.fingerprint, EPOCHS, BATCH, RATE, seed])
    weights, facts = folder / "classifier.safetensors", folder / "classifier.json"
    net = _fresh(train, seed)
    if weights.is_file() and facts.is_file() and (found := json.loads(facts.read_text())).get("about") == about:
        net.load_state_dict(load_file(weights))
        return Classifier(net, found["accuracy"])
    _train(net, train, seed)
    classifier = Classifier(net, 0.0)
    classifier.accuracy = classifier.agreement(_all(test), labels_of(test))
    with replacing(weights) as temporary:
        save_file(net.state_dict(), temporary)
    replace_text(facts, json.dumps({"about": about, "accuracy": classifier.accuracy}))
    return classifier


def labels_of(source: ImageSource) -> npt.NDArray[np.int64]:
    """The classes of a set that has to have them."""
    if source.labels is None:
        raise GanevalError(f"{source.name} has no labels: name a labelled set")
    return source.labels


def _fresh(train: ImageSource, seed: int) -> nn.Sequential:
    _, channels, size, _ = next(train.read([0])).shape
    with seeded(torch.device("cpu"), seed, "classifier"):
        return network(channels, size, int(labels_of(train).max()) + 1)


def _train(net: nn.Sequential, train: ImageSource, seed: int) -> None:
    images, labels = _all(train), torch.from_numpy(labels_of(train))
    steps = EPOCHS * -(-len(images) // BATCH)
    optimizer = torch.optim.Adam(net.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    with seeded(torch.device("cpu"), seed, "classifier training"):
        for epoch in range(EPOCHS):
            order = torch.randperm(len(images), generator=generator(seed, "classifier epoch", epoch))
            for chosen in torch.split(order, BATCH):
                optimizer.zero_grad()
                torch.autograd.backward(cross_entropy(net.train()(_floats(images[chosen])), labels[chosen]))
                optimizer.step()
                schedule.step()


def _floats(images: Images) -> Tensor:
    return images.float() / 127.5 - 1


def _all(source: ImageSource) -> Images:
    return torch.cat(list(source.batches(_AT_ONCE)))
