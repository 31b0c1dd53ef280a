"""One pass for all metrics; batch size, cache, interruption and mixed sizes change nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence, Set
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from ganeval import engine, passes
from ganeval.cache import Cache
from ganeval.distances import neighbour_distances
from ganeval.engine import Request, evaluate
from ganeval.errors import GanevalError
from ganeval.extractors import Tap
from ganeval.extractors.extractor import Extractor
from ganeval.images import Images, ImageSource
from ganeval.metrics.metric import get, metric
from ganeval.passes import Pass
from ganeval.summaries import Labelled, features

METRICS = ("fd", "kid", "precision", "recall", "density", "coverage")


class Noise(ImageSource):
    """Seeded images of alternating or equal size, which count how often each is read."""

    def __init__(self, count: int, seed: int, *, mixed: bool = False, bright: int = 0) -> None:
        super().__init__()
        rng = np.random.default_rng(seed)
        sides = [8 + 4 * (mixed and i % 3 == 0) for i in range(count)]
        self.images = [torch.from_numpy(rng.integers(0, 200, (3, s, s)).astype(np.uint8) + bright) for s in sides]
        self.name, self.fingerprint = f"noise-{seed}", f"noise-{count}-{seed}-{mixed}-{bright}"
        self.reads: Counter[int] = Counter()
        self.fail_at: int | None = None

    def __len__(self) -> int:
        return len(self.images)

    def read(self, indices: Sequence[int]) -> Iterator[Images]:
        for i in indices:
            if i == self.fail_at:
                raise KeyboardInterrupt
            self.reads[i] += 1
            yield self.images[i][None]


class Means(Extractor):
    """Mean colours of a 4x4 grid; counts the images that pass through."""

    name, fingerprint, default = "means", "means/1", "grid"
    widths = {"grid": 48, "colour": 3}

    def __init__(self) -> None:
        self.forwarded, self.batches = 0, list[int]()

    def prepare(self, images: Images) -> Tensor:
        return torch.nn.functional.adaptive_avg_pool2d(images.float(), 4)

    def forward(self, prepared: Tensor, layers: Set[str]) -> dict[str, Tensor]:
        self.forwarded += len(prepared)
        self.batches.append(len(prepared))
        made = {"grid": prepared.flatten(1), "colour": prepared.mean((2, 3))}
        return {layer: made[layer] for layer in layers}


def requests(*names: str, layer: str = "grid") -> list[Request]:
    return [Request(get(name), Tap("means", layer), get(name).options) for name in names]


def values(real: Noise, fake: Noise, run: Pass, names: Sequence[str] = METRICS) -> list[float]:
    results, _ = evaluate({"real": real, "fake": fake}, requests(*names), run)
    return [result.estimate.value for result in results]


def test_every_image_is_decoded_and_embedded_once_for_all_metrics() -> None:
    real, fake, network = Noise(90, 0), Noise(70, 1), Means()
    both = requests(*METRICS) + requests("fd", "kid", layer="colour")
    evaluate({"real": real, "fake": fake}, both, Pass({"means": network}, batch_size=16))
    assert set(real.reads.values()) == {1}
    assert sum(real.reads.values()) == 90
    assert network.forwarded == 90 + 70


def test_batch_size_changes_no_score() -> None:
    real, fake = Noise(130, 0), Noise(110, 1, bright=9)
    scores = [values(real, fake, Pass({"means": Means()}, batch_size=size)) for size in (1, 7, 64)]
    assert scores[1] == pytest.approx(scores[0], rel=1e-9)
    assert scores[2] == pytest.approx(scores[0], rel=1e-9)


def test_images_of_mixed_sizes_share_full_batches() -> None:
    network = Means()
    evaluate(
        {"real": Noise(64, 0, mixed=True), "fake": Noise(64, 1, mixed=True)},
        requests("fd"),
        Pass({"means": network}, batch_size=16),
    )
    assert network.batches == [16] * 8


def test_what_is_cached_is_not_read_again(tmp_path: Path) -> None:
    run = Pass({"means": Means()}, 16, Cache(tmp_path))
    first = values(Noise(60, 0), Noise(50, 1), run)
    real, fake = Noise(60, 0), Noise(50, 1)
    assert values(real, fake, run) == first
    assert not real.reads
    assert not fake.reads


def test_distances_within_a_large_set_are_read_in_the_next_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "_MANY", 50)
    real, fake, run = Noise(60, 0), Noise(40, 1), Pass({"means": Means()}, 16, Cache(tmp_path))
    first = values(real, fake, run, ("realism",))
    files = set(tmp_path.rglob("*.safetensors"))
    assert len(files) == 3  # both sets' rows, and the distances of the larger one
    computed: list[int] = []
    distances = neighbour_distances

    def counted(rows: Tensor, k: int) -> Tensor:
        computed.append(len(rows))
        return distances(rows, k)

    monkeypatch.setattr(features, "neighbour_distances", counted)
    assert values(real, fake, run, ("realism",)) == first
    assert 60 not in computed
    values(Noise(60, 2), fake, run, ("realism",))
    assert 60 in computed


def test_another_network_or_content_misses_the_cache(tmp_path: Path) -> None:
    values(Noise(60, 0), Noise(50, 1), Pass({"means": Means()}, 16, Cache(tmp_path)))
    other = Means()
    other.fingerprint = "means/2"
    real = Noise(60, 0)
    values(real, Noise(50, 1), Pass({"means": other}, 16, Cache(tmp_path)))
    assert len(real.reads) == 60
    changed = Noise(60, 0, bright=1)
    values(changed, Noise(50, 1), Pass({"means": Means()}, 16, Cache(tmp_path)))
    assert len(changed.reads) == 60


def test_an_interrupted_pass_goes_on_where_it_was_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passes, "_SAVE_SECONDS", 0.0)
    run = Pass({"means": Means()}, 16, Cache(tmp_path))
    broken = Noise(96, 0)
    broken.fail_at = 70
    with pytest.raises(KeyboardInterrupt):
        values(broken, Noise(50, 1), run)
    real = Noise(96, 0)
    resumed = values(real, Noise(50, 1), run)
    assert min(real.reads) >= 32
    assert resumed == values(Noise(96, 0), Noise(50, 1), Pass({"means": Means()}, 16))


def test_a_damaged_cache_entry_is_computed_again(tmp_path: Path) -> None:
    run = Pass({"means": Means()}, 16, Cache(tmp_path))
    expected = values(Noise(60, 0), Noise(50, 1), run)
    for file in tmp_path.rglob("*.safetensors"):
        file.write_bytes(file.read_bytes()[:50])
    assert values(Noise(60, 0), Noise(50, 1), run) == expected


def test_a_metric_that_misses_its_image_set_says_which() -> None:
    with pytest.raises(GanevalError, match=r"authpct needs the image set 'train': give it with --train"):
        evaluate({"real": Noise(9, 0), "fake": Noise(9, 1)}, requests("authpct"), Pass({"means": Means()}))


def test_features_that_are_not_finite_are_refused_with_their_source() -> None:
    class Broken(Means):
        def forward(self, prepared: Tensor, layers: Set[str]) -> dict[str, Tensor]:
            return {layer: rows * torch.nan for layer, rows in super().forward(prepared, layers).items()}

    with pytest.raises(GanevalError, match=r"means.grid gave features that are not finite for noise-0"):
        values(Noise(9, 0), Noise(9, 1), Pass({"means": Broken()}))


def test_an_error_while_decoding_reaches_the_caller() -> None:
    class Unreadable(Noise):
        def read(self, indices: Sequence[int]) -> Iterator[Images]:
            raise GanevalError("cannot decode a.png")

    with pytest.raises(GanevalError, match=r"cannot decode a\.png"):
        values(Unreadable(9, 0), Noise(9, 1), Pass({"means": Means()}))


def test_a_metrics_random_draws_do_not_depend_on_its_company() -> None:
    request = Request(get("kid"), Tap("means", "grid"), {"subsets": 3, "subset_size": 20, "degree": 3})
    sets, run = {"real": Noise(60, 0), "fake": Noise(50, 1)}, Pass({"means": Means()})
    alone, _ = evaluate(sets, [request], run, seed=5)
    among, _ = evaluate(sets, [*requests(*METRICS[:1]), request], run, seed=5)
    other, _ = evaluate(sets, [request], run, seed=6)
    assert alone[0].estimate == among[1].estimate
    assert alone[0].estimate != other[0].estimate


@metric(better="neither", range=(0, 1), optimum=None, paper="none: a test alone", family="diversity", cost="N")
def share_of_class_one(fake: Labelled) -> float:
    """Share of bright rows among those of class 1."""
    return float((fake.rows[fake.labels == 1] > 100).double().mean())


def test_labels_stand_beside_the_rows_of_their_images_and_share_their_cache_entry(tmp_path: Path) -> None:
    fake, network = Noise(50, 1), Means()
    fake.labels = np.arange(50) % 2
    for i in range(1, 50, 2):
        fake.images[i] += 100
    run = Pass({"means": network}, batch_size=16, cache=Cache(tmp_path))
    request = Request(share_of_class_one.__metric__, Tap("means", "colour"))  # type: ignore[attr-defined]
    (result,), _ = evaluate({"fake": fake}, [request], run)
    assert result.estimate.value == 1.0
    evaluate({"fake": fake, "real": fake}, requests("kid", layer="colour"), run)
    assert network.forwarded == 50


def test_without_labels_a_metric_of_classes_says_what_to_give() -> None:
    request = Request(share_of_class_one.__metric__, Tap("means", "colour"))  # type: ignore[attr-defined]
    with pytest.raises(GanevalError, match="one folder per class"):
        evaluate({"fake": Noise(5, 1)}, [request], Pass({"means": Means()}))


def test_metrics_at_once_give_what_they_give_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    names = (*METRICS, "swd", "vendi", "one_nn", "c2st")
    real, fake, run = Noise(40, 1), Noise(40, 2), Pass({"means": Means()})
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        together = values(real, fake, run, names)
        assert torch.get_num_threads() == 2
        monkeypatch.setattr(engine, "_MOST_WORKERS", 1)
        assert values(real, fake, run, names) == pytest.approx(together, rel=1e-12)
    finally:
        torch.set_num_threads(threads)


def test_metrics_left_out_are_told_in_the_order_of_the_requests() -> None:
    skipped: dict[str, str] = {}
    asked = requests("authpct", "swd", "ct", "recall", "kid", "fd", "density", "coverage")
    sets = {role: Noise(3, seed) for seed, role in enumerate(("real", "fake", "train", "heldout"))}
    results, _ = evaluate(sets, asked, Pass({"means": Means()}), skipped=skipped)
    names = [request.name for request in asked]
    assert [*skipped] == [name for name in names if name in skipped]
    assert {r.request.name for r in results} | skipped.keys() == set(names)
    assert "recall (means.grid)" in skipped
