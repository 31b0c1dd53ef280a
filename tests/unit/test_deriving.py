"""Sets derived from others: one decode per image for all metrics, what models' pairs must share, what is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence, Set
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ganeval.compare import compare
from ganeval.deriving import described, with_derived
from ganeval.engine import GIVEN, Request, evaluate
from ganeval.errors import GanevalError
from ganeval.extractors import Extractor, Tap, parse_tap
from ganeval.extractors.preparing import halves
from ganeval.images import Images, ImageSource
from ganeval.metrics.metric import get
from ganeval.passes import Pass
from ganeval.planning import requested
from ganeval.presets import get_preset
from ganeval.scoring import Job, score

DISTANCES = ("perceptual_distance", "perceptual_diversity", "perceptual_class_diversity")


class Noise(ImageSource):
    """Seeded images of two classes; counts how often each is read."""

    def __init__(self, count: int, seed: int) -> None:
        super().__init__()
        self.pixels = torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (count, 3, 6, 6), dtype=np.uint8))
        self.name, self.fingerprint = f"noise-{seed}", f"noise-{count}-{seed}"
        self.labels = np.arange(count) % 2
        self.reads: Counter[int] = Counter()

    def __len__(self) -> int:
        return len(self.pixels)

    def read(self, indices: Sequence[int]) -> Iterator[Images]:
        self.reads.update(indices)
        yield self.pixels[list(indices)]


class Colours(Extractor):
    """Mean colours of images."""

    name, fingerprint, default = "colours", "colours/1", "mean"
    widths = {"mean": 3}

    def prepare(self, images: Images) -> Tensor:
        return images.float()

    def forward(self, prepared: Tensor, layers: Set[str]) -> dict[str, Tensor]:
        return {"mean": prepared.mean((2, 3))}


class Gap(Extractor):
    """Mean absolute difference of pairs."""

    name, fingerprint, default = "gap", "gap/1", "distance"
    widths = {"distance": 1}

    def prepare(self, images: Tensor) -> Tensor:
        return torch.cat(halves(images), 1)

    def forward(self, prepared: Tensor, layers: Set[str]) -> dict[str, Tensor]:
        left, right = prepared.chunk(2, 1)
        return {"distance": (left - right).abs().mean((1, 2, 3))[:, None]}


def requests(*names: str) -> list[Request]:
    of_pairs = [Request(get(name), Tap("gap", "distance"), get(name).options) for name in names]
    return [Request(get("fd"), Tap("colours", "mean"), get("fd").options), *of_pairs]


def run(real: Noise, fake: Noise, *names: str, num_pairs: int = 1000) -> dict[str, float]:
    asked = requests(*names)
    sets = with_derived({"real": real, "fake": fake}, asked, num_pairs, 0)
    results, _ = evaluate(sets, asked, Pass({"colours": Colours(), "gap": Gap()}, batch_size=16))
    return {result.request.metric.name: result.estimate.value for result in results}


@pytest.mark.parametrize("names", [DISTANCES, DISTANCES[::-1], DISTANCES[1:]])
def test_every_image_is_decoded_once_whatever_pairs_it_is_in(names: tuple[str, ...]) -> None:
    real, fake = Noise(80, 0), Noise(80, 1)
    run(real, fake, *names)
    for source in (real, fake):
        assert len(source.reads) == 80
        assert set(source.reads.values()) == {1}


def test_values_are_those_of_the_pairs() -> None:
    real, fake = Noise(80, 0), Noise(80, 1)
    values = run(real, fake, *DISTANCES)
    expected = (real.pixels.float() - fake.pixels.float()).abs().mean().item()
    assert values["perceptual_distance"] == pytest.approx(expected, rel=1e-6)
    assert values["perceptual_diversity"] == pytest.approx(85, rel=0.03)  # two uniform bytes are 85 apart
    copies = Noise(80, 1)
    copies.pixels[:] = copies.pixels[:1]
    assert run(real, copies, *DISTANCES)["perceptual_diversity"] == 0
    one_per_class = Noise(80, 1)
    one_per_class.pixels[:] = one_per_class.pixels[:2].repeat(40, 1, 1, 1)
    collapsed = run(real, one_per_class, *DISTANCES)
    assert collapsed["perceptual_class_diversity"] == 0
    assert collapsed["perceptual_diversity"] > 20


def test_two_models_pairs_are_described_alike_unless_they_differ() -> None:
    def of(fake: Noise, seed: int = 0, num_pairs: int = 20) -> dict[str, str]:
        sources = {"real": Noise(60, 0), "fake": fake}
        return described(with_derived(sources, requests(*DISTANCES[1:]), num_pairs, seed))

    base = of(Noise(60, 1))
    assert base["random_pairs"] == "20 random pairs, seed 0, 6x6 pixels"
    assert "noise-60-0" in base["real_pairs"]
    assert of(Noise(60, 2)) == base
    assert of(Noise(60, 1), seed=1) != base
    assert of(Noise(60, 1), num_pairs=10) != base
    fewer = of(Noise(30, 1))
    assert fewer["random_pairs"].startswith("15 ")
    assert fewer["real_pairs"] == base["real_pairs"]


def test_a_pairs_description_names_the_reference() -> None:
    sources = {"real": Noise(60, 0), "fake": Noise(60, 1)}
    text = described(with_derived(sources, requests("perceptual_distance"), 9, 0))["pairs"]
    assert "60 pairs" in text
    assert "noise-60-0" in text
    assert "noise-60-1" not in text


def test_path_lengths_of_one_run_share_their_paths() -> None:
    options = get("ppl").options
    both = [
        Request(get("ppl"), Tap("gap", "distance"), options),
        Request(get("perceptual_path_length"), Tap("gap", "distance"), {**options, "epsilon": 0.1}),
    ]
    with pytest.raises(GanevalError, match=r"epsilon 0\.0001.*epsilon 0\.1.*score twice"):
        with_derived({"real": Noise(9, 0), "fake": Noise(9, 1)}, both, 9, 0)


def names(*metrics: str, taps: Sequence[str] = (), protocol: str = "ganeval") -> list[str]:
    made = [get(metric) for metric in metrics]
    options: dict[str, dict[str, Any]] = {metric.name: dict(metric.options) for metric in made}
    asked = requested(get_preset(protocol), made, [parse_tap(tap) for tap in taps], options)
    return [f"{request.metric.name} on {request.tap}" for request in asked]


def test_metrics_of_pairs_and_of_images_each_read_their_own_kind() -> None:
    assert names("fd", "perceptual_diversity", taps=["pixels:8"]) == [
        "fd on pixels:8.flat",
        "perceptual_diversity on efficientnet_lite0_distance.distance",
    ]
    assert names("fd", "lpips", taps=["lpips:vgg"]) == ["fd on efficientnet_lite0.pool", "lpips on lpips:vgg.distance"]
    assert names("lpips", "lpips_diversity", taps=["lpips:vgg", "lpips:alex@64", "ms_ssim"]) == [
        "lpips on lpips:vgg.distance",
        "lpips on lpips:alex@64.distance",
        "lpips_diversity on lpips:vgg.distance",
        "lpips_diversity on lpips:alex@64.distance",
    ]
    assert names("ms_ssim_diversity", taps=["ms_ssim:2", "lpips:vgg"]) == ["ms_ssim_diversity on ms_ssim:2.similarity"]
    assert names("perceptual_distance", taps=["ms_ssim"]) == [
        "perceptual_distance on efficientnet_lite0_distance.distance"
    ]


def test_the_name_lpips_belongs_to_lpips_alone() -> None:
    general = ("perceptual_distance", "perceptual_diversity", "perceptual_class_diversity", "perceptual_path_length")
    assert [name.partition(" ")[0] for name in names(*general, taps=["lpips:squeeze"])] == [
        "lpips",
        "lpips_diversity",
        "lpips_class_diversity",
        "ppl",
    ]
    assert names("lpips", taps=["efficientnet_lite0_distance"]) == ["lpips on lpips:alex.distance"]
    assert names("ppl") == ["ppl on lpips:vgg.distance"]
    assert names("ppl", protocol="torch-fidelity") == ["ppl on lpips:vgg@64.distance"]


def test_features_computed_elsewhere_have_no_pairs() -> None:
    metric = get("perceptual_diversity")
    with pytest.raises(GanevalError, match="compares images with images, and features were given"):
        requested(get_preset("ganeval"), [metric], [GIVEN], {})


def job(fake: str, **more: Any) -> Job:
    chosen: dict[str, Any] = {"metrics": ("ms_ssim_diversity",), "num_pairs": 20, **more}
    return Job(fake, "dataset:fashion-mnist-mini:test[0:60]", **chosen)


def test_scored_by_name_two_models_share_a_column() -> None:
    first, second = (score(job(f"dataset:fashion-mnist-mini:train[{at}]")).card for at in ("0:60", "60:120"))
    assert first.scores[0].counts == {"random_pairs": 20, "real_pairs": 20}
    assert first.protocol["sets"]["random_pairs"] == "20 random pairs, seed 0, 28x28 pixels"
    assert all(cell is not None for row in compare([first, second]).rows for cell in row.cells)
    again = score(job("dataset:fashion-mnist-mini:train[0:60]", cached=False)).card
    assert again.scores[0].value == first.scores[0].value
    assert again.protocol == first.protocol


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        ("perceptual_path_length", "is none: score a run folder"),
        ("perceptual_distance", "has 60 images and dataset:fashion-mnist-mini:train.* has 50"),
        ("lpips", "alexnet-owt-7be5be79.pth.*perceptual_"),
    ],
)
def test_what_cannot_be_scored_is_said(metric: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANEVAL_OFFLINE", "1")
    monkeypatch.setenv("TORCH_HOME", "/nowhere")
    with pytest.raises(GanevalError, match=message):
        score(job("dataset:fashion-mnist-mini:train[0:50]", metrics=(metric,)))
