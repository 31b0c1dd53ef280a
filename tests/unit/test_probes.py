"""The probe's parts against independent computations, and a small probe from end to end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, max_pool2d, relu
from torch.nn.utils.parametrizations import spectral_norm

from ganeval.batchnorm import reestimate
from ganeval.cli.main import ganeval as ganeval_command
from ganeval.errors import GanevalError
from ganeval.images import Opening
from ganeval.probes.blocks import Blocks
from ganeval.probes.learners import SVM, Neighbours, Supervised, with_classes
from ganeval.probes.protocol import Notes, Trial, measure
from ganeval.probes.storing import stored
from ganeval.probes.subject import _of_images
from ganeval.probes.task import Split, Task, open_task
from ganeval.probes.yardsticks import patch_dictionary, principal_components


@pytest.fixture(autouse=True)
def forked() -> Iterator[None]:
    """Networks are made here with torch's own initial weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


class Functional(nn.Module):
    """Nonlinearities as functions, one before the first convolution, spectral norm, and a verdict on maps."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.second = spectral_norm(nn.Conv2d(4, 6, 3, stride=2, padding=1))
        self.norm = nn.BatchNorm2d(6)
        self.last = nn.Conv2d(6, 1, 1)

    def forward(self, images: Tensor) -> Tensor:
        hidden = relu(self.first(relu(images)))
        hidden = leaky_relu(self.norm(self.second(hidden)), 0.2)
        verdict: Tensor = self.last(hidden).sigmoid()
        return verdict


def noise(count: int, size: int, channels: int = 3) -> Tensor:
    rng = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, channels, size, size), dtype=torch.uint8, generator=rng)


def test_blocks_are_read_behind_their_nonlinearity_and_max_pooled() -> None:
    network, images = Functional().eval(), noise(60, 16)
    blocks = Blocks(network, lambda pixels: pixels.float() / 127.5 - 1)
    rows = blocks(images)
    assert blocks.layers == {"layer1": 4 * 16, "layer2": 6 * 16}  # neither the first relu nor the verdict
    with torch.no_grad():
        one = relu(network.first(relu(images.float() / 127.5 - 1)))
        two = leaky_relu(network.norm(network.second(one)), 0.2)
    wanted = torch.cat([max_pool2d(one, 4).flatten(1), max_pool2d(two, 2).flatten(1)], 1)
    torch.testing.assert_close(rows, wanted)


def test_odd_and_small_maps_are_pooled_adaptively() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Conv2d(2, 3, 8), nn.ReLU())
    blocks = Blocks(network, lambda pixels: pixels.float())
    assert blocks(noise(2, 12, 1)).shape == (2, 2 * 16 + 3 * 9)  # maps of 10x10 and 3x3
    with pytest.raises(GanevalError, match="no convolution"):
        Blocks(nn.Sequential(nn.Flatten(), nn.Linear(144, 1)), lambda pixels: pixels.float())(noise(2, 12, 1))


def test_batch_statistics_are_means_of_batches() -> None:
    network = Functional()
    batches = [noise(8, 16)[:4].float(), noise(8, 16)[4:].float() / 2]
    assert reestimate(network, batches) == 1
    with torch.no_grad():
        maps = [network.second(relu(network.first(relu(batch)))) for batch in batches]
    torch.testing.assert_close(network.norm.running_mean, sum(m.mean((0, 2, 3)) for m in maps) / 2)
    torch.testing.assert_close(
        network.norm.running_var, sum(m.var((0, 2, 3), unbiased=False) for m in maps) / 2, rtol=1e-4, atol=0
    )
    assert not network.norm.training
    assert reestimate(nn.Conv2d(1, 1, 1), iter(())) == 0


def squares_task(count: int = 120) -> Task:
    """Three classes: a bright square in one of three corners, on noise."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % 3
    pixels = rng.integers(0, 100, (count, 3, 16, 16)).astype(np.uint8)
    for image, label in zip(pixels, labels):
        top, left = ((0, 0), (0, 8), (8, 0))[label]
        image[:, top : top + 8, left : left + 8] += 60
    whole = Split(pixels, np.arange(count), torch.from_numpy(labels))
    train, test = whole.taken(np.arange(count * 2 // 3)), whole.taken(np.arange(count * 2 // 3, count))
    return Task("squares", train, test, ("a", "b", "c"), 20, "f")


def test_the_protocol_learns_what_can_be_learnt_and_draws_no_validation_image() -> None:
    task = squares_task()
    rows = [split.images(slice(None)).flatten(1).float() / 255 for split in (task.train, task.test)]
    svm = SVM("pixels", task, *rows)
    few = measure(svm, task, Trial(5, 4, 0, choosing=2))
    assert len(few.accuracies) == 4
    assert few.accuracy > 0.9
    assert few.spread is not None
    assert sum(map(sum, few.confusion)) == 4 * len(task.test)
    assert measure(svm, task, Trial(None, 4, 0)).spread is None
    assert measure(Neighbours(task), task, Trial(10, 2, 0)).accuracy > 0.9
    drawn = task.draw(15, np.random.default_rng(0))
    assert int(drawn.max()) < task.pool
    assert torch.bincount(task.train.labels[drawn]).tolist() == [15] * 3
    with pytest.raises(GanevalError, match="500 labels per class"):
        task.draw(500, np.random.default_rng(0))


def test_a_measurement_goes_on_where_it_was_interrupted(tmp_path: Path) -> None:
    task, asked = squares_task(), []

    class Interrupted(SVM):
        def guesses(self, *arguments: Any) -> list[Tensor]:
            asked.append(arguments[1])
            if len(asked) == 5:
                raise KeyboardInterrupt
            return super().guesses(*arguments)

    svm = Interrupted(
        "pixels", task, *(s.images(slice(None)).flatten(1).float() / 255 for s in (task.train, task.test))
    )
    trial, path = Trial(3, 4, 0, choosing=2), tmp_path / "notes"
    with pytest.raises(KeyboardInterrupt):
        measure(svm, task, trial, Notes(path))
    found = measure(svm, task, trial, Notes(path))
    assert asked == ["validation"] * 2 + ["test"] * 5  # two were known, the third was tried twice
    whole = measure(svm, task, trial)
    assert (found.accuracies, found.confusion, found.chosen) == (whole.accuracies, whole.confusion, whole.chosen)


class OfCodes(nn.Module):
    """A discriminator of images and codes."""

    def __init__(self) -> None:
        super().__init__()
        self.see = nn.Sequential(nn.Conv2d(3, 4, 5, 4, 2), nn.ReLU(), nn.Flatten())
        self.judge = nn.Linear(4 * 16 + 2, 1)

    def forward(self, images: Tensor, codes: Tensor) -> Tensor:
        verdict: Tensor = self.judge(torch.cat([self.see(images), codes], 1)).squeeze(1)
        return verdict


def test_a_discriminator_of_images_and_codes_is_shown_codes_of_zero() -> None:
    network, images = OfCodes(), noise(6, 16).float()
    alone = _of_images(network, lambda: torch.ones(1, 2))
    torch.testing.assert_close(alone(images), network(images, torch.zeros(6, 2)))
    assert _of_images(network.see, lambda: torch.ones(1, 2)) is network.see
    assert Blocks(alone, lambda pixels: pixels.float())(noise(6, 16)).shape == (6, 4 * 16)


def test_only_a_single_verdict_is_replaced_by_classes() -> None:
    task = squares_task()

    def supervised(network: nn.Module) -> Supervised:
        return Supervised(task, lambda seed: network, lambda pixels: pixels.float())

    see = nn.Sequential(nn.Conv2d(3, 4, 5, 4, 2), nn.ReLU(), nn.Flatten())
    assert supervised(nn.Sequential(see, nn.Linear(64, 1))).possible()
    assert not supervised(nn.Sequential(see, nn.Linear(64, 11))).possible()
    assert not supervised(_Both(see)).possible()


class _Both(nn.Module):
    """Ends in a verdict with guesses beside it."""

    def __init__(self, see: nn.Module) -> None:
        super().__init__()
        self.see, self.guess, self.judge = see, nn.Linear(64, 14), nn.Linear(64, 1)

    def forward(self, images: Tensor) -> Tensor:
        seen = self.see(images)
        return torch.cat([self.judge(seen), self.guess(seen)], 1)


def test_k_means_features_and_components() -> None:
    task = squares_task()
    images = task.train.images(slice(None))
    rows = patch_dictionary(images, 7, torch.Generator().manual_seed(0))(images)
    assert rows.shape == (len(images), 28)
    assert bool(rows.isfinite().all())
    components = principal_components(images)(images)
    products = components.T @ components
    assert float((products - products.diag().diag()).abs().max()) < 1e-2 * float(products.diag().max())


def test_a_verdict_becomes_class_scores() -> None:
    network = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(2 * 36, 1), nn.Flatten(0))
    wider = with_classes(network, 5)
    assert wider(torch.zeros(2, 3, 8, 8)).numel() == 10
    assert network(torch.zeros(2, 3, 8, 8)).shape == (2,)
    with pytest.raises(GanevalError, match="no single score"):
        with_classes(nn.Sequential(nn.Linear(3, 2)), 5)


def test_features_go_on_where_they_stopped(tmp_path: Path) -> None:
    asked: list[slice] = []

    def rows(places: slice) -> Tensor:
        asked.append(places)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return torch.arange(2500.0)[places, None].expand(-1, 3)

    with pytest.raises(KeyboardInterrupt):
        stored(tmp_path / "rows.npy", 2500, rows)
    assert not (tmp_path / "rows.npy").exists()
    found = stored(tmp_path / "rows.npy", 2500, rows)
    assert [places.start for places in asked] == [0, 1000, 1000, 2000]
    assert torch.equal(found[:, 1], torch.arange(2500.0))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.npy"]


def write_images(root: Path, split: str, each: int) -> None:
    task = squares_task()
    for number in range(each * 3):
        path = root / split / "abc"[number % 3] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(task.train.images(slice(number, number + 1))[0].permute(1, 2, 0).numpy()).save(path)


def test_train_and_test_folders_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANEVAL_CACHE", str(tmp_path / "cache"))
    write_images(tmp_path / "both", "train", 10)
    write_images(tmp_path / "both", "test", 4)
    task = open_task(str(tmp_path / "both"), None, Opening(), 16, 3)
    assert (len(task.train), len(task.test), task.classes) == (30, 12, ("a", "b", "c"))
    assert torch.bincount(task.test.labels).tolist() == [4, 4, 4]
    alone = open_task(str(tmp_path / "both" / "train"), None, Opening(), 16, 3)
    assert (len(alone.train), len(alone.test)) == (27, 3)


def test_a_probe_from_end_to_end_is_not_computed_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANEVAL_CACHE", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "probed_network.py").write_text(
        "import torch\nfrom torch import nn\n"
        "with torch.random.fork_rng(devices=[]):\n    torch.manual_seed(0)\n"
        "    net = nn.Sequential(nn.Conv2d(3, 4, 5, 2, 2), nn.LeakyReLU(0.2), nn.Conv2d(4, 4, 5, 2, 2), "
        "nn.BatchNorm2d(4), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(64, 1))\n"
    )
    write_images(tmp_path / "both", "train", 20)
    write_images(tmp_path / "both", "test", 5)
    out = tmp_path / "out"
    arguments = [
        "probe", "probed_network:net", "--data", str(tmp_path / "both"), "--labels-per-class", "4", "--repeats", "2",
        "--curve", "2", "--centroids", "5", "--shown", "64", "--out", str(out),
        "--yardsticks", "pixels,pca,random,kmeans,knn,supervised",
    ]  # fmt: skip
    result = CliRunner().invoke(ganeval_command, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    record = json.loads((out / "probe.json").read_text())
    assert [len(record[name]) for name in ("outcomes", "layers", "curves")] == [7, 2, 3]
    assert record["outcomes"][0]["width"] == 128
    assert all(0 <= outcome["accuracy"] <= 1 for outcome in record["outcomes"])
    page = (out / "index.html").read_text()
    assert page.count("data:image/png") == 4
    assert "raw pixels" in (out / "probe.md").read_text()
    before = {path: path.stat().st_mtime_ns for path in (out / "results").rglob("*.json")}
    assert CliRunner().invoke(ganeval_command, arguments, catch_exceptions=False).exit_code == 0
    assert before == {path: path.stat().st_mtime_ns for path in (out / "results").rglob("*.json")}
