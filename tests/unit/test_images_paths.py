"""Latent paths: where their points lie, and path lengths whose value is known."""

from __future__ import annotations

from collections.abc import Sequence, Set
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganeval.engine import Request, evaluate
from ganeval.errors import GanevalError
from ganeval.extractors import Extractor, Tap
from ganeval.extractors.preparing import halves
from ganeval.images import Opening, open_images
from ganeval.images.calling import Calling
from ganeval.images.generated import GeneratedSource, Program
from ganeval.images.generator import CheckpointSource
from ganeval.images.paths import LiveGenerator, PathRule, PathSource, lerp, slerp
from ganeval.metrics.metric import get
from ganeval.passes import Pass
from reference_models.checkpoint import DataRecord, Training, save_checkpoint
from reference_models.gans.dcgan import DCGAN
from reference_models.recipe import DataSpec
from reference_models.state import fresh_state

WIDTH = 12
CPU = torch.device("cpu")


class SquaredDistance(Extractor):
    """Sum over pixels and channels of squared differences, of images in [-1, 1]."""

    name, fingerprint, default = "l2", "l2/1", "distance"
    widths = {"distance": 1}

    def prepare(self, images: Tensor) -> Tensor:
        return torch.cat(halves(images), 1)

    def forward(self, prepared: Tensor, layers: Set[str]) -> dict[str, Tensor]:
        left, right = (prepared.double() / 127.5).chunk(2, 1)
        return {"distance": (left - right).square().sum((1, 2, 3), keepdim=True).flatten(1).float()}


class Linear(nn.Module):
    """Images A z, and the parts of a StyleGAN: w = 2 z, images A w / 2."""

    def __init__(self) -> None:
        super().__init__()
        mixing = torch.randn(48, WIDTH, generator=torch.Generator().manual_seed(0)) / 200
        self.register_buffer("mixing", mixing)

    def forward(self, z: Tensor) -> Tensor:
        return (z @ self.mixing.T).view(-1, 3, 4, 4)  # type: ignore[operator]

    def mapping(self, z: Tensor) -> Tensor:
        return z * 2

    def synthesis(self, w: Tensor) -> Tensor:
        return self.forward(w / 2)


@pytest.fixture
def linear() -> GeneratedSource:
    return source_of(Linear())


def source_of(network: nn.Module, **calling: object) -> GeneratedSource:
    def run(latents: Tensor, labels: Tensor | None) -> object:
        return network(latents)

    opening = Opening(num_samples=5, calling=Calling(shape=(WIDTH,), **calling))  # type: ignore[arg-type]
    return GeneratedSource(Program("linear", run, network=network), opening)


def length(source: object, *, count: int = 3000, seed: int = 0, **options: object) -> tuple[float, float, float]:
    """Value and interval, with the squared distance in the place of LPIPS."""
    declared = get("perceptual_path_length")
    chosen = {**declared.options, "discard": False, **options}
    rule = PathRule(**{name: value for name, value in chosen.items() if name != "discard"})
    request = Request(declared, Tap("l2", "distance"), chosen)
    sets = {"path": PathSource(source, rule, count, seed)}
    (result,), _ = evaluate(sets, [request], Pass({"l2": SquaredDistance()}))
    assert result.estimate.low is not None
    assert result.estimate.high is not None
    assert result.counts == {"path": count}
    return result.estimate.value, result.estimate.low, result.estimate.high


def mixing() -> Tensor:
    matrix = Linear().mixing
    assert isinstance(matrix, Tensor)
    return matrix


def energy() -> float:
    return float(mixing().square().sum())


@pytest.mark.parametrize("sampling", ["full", "end"])
@pytest.mark.parametrize("space", ["z", "w"])
def test_a_linear_generator_along_lines_has_twice_its_energy(
    linear: GeneratedSource, sampling: str, space: str
) -> None:
    """E |A (z1 - z0)|^2 = 2 tr(A A^T), anywhere on the line; w = 2z, and A/2 undoes it."""
    value, low, high = length(linear, sampling=sampling, space=space, interpolation="lerp")
    assert value == pytest.approx(2 * energy(), rel=0.05)
    assert low <= 2 * energy() <= high


def test_it_holds_exactly_for_the_latents_that_were_drawn(linear: GeneratedSource) -> None:
    ends = linear.latents(range(2 * 40)).double()
    steps = (ends[1::2] - ends[::2]) @ mixing().double().T
    expected = float(steps.square().sum(1).mean())
    assert length(linear, count=40, interpolation="lerp", epsilon=1e-2)[0] == pytest.approx(expected, rel=1e-4)
    assert length(linear, count=40, interpolation="lerp", epsilon=1e-4)[0] == pytest.approx(expected, rel=1e-2)


def test_along_arcs_the_speed_is_the_angle_times_the_length() -> None:
    """On the sphere of radius 1, and with A^T A = I/4, every point of the arc moves at speed w/2."""
    network = Linear()
    basis = torch.linalg.qr(torch.randn(48, WIDTH, generator=torch.Generator().manual_seed(1)))[0]
    network.mixing = basis / 2
    source = source_of(network, law="sphere")
    ends = source.latents(range(2 * 50)).double()
    angles = (ends[::2] * ends[1::2]).sum(1).acos()
    expected = float((angles / 2).square().mean())
    for sampling in ("full", "end"):
        value = length(source, count=50, sampling=sampling, epsilon=1e-3)[0]
        assert value == pytest.approx(expected, rel=1e-4)


def test_rounding_to_uint8_drowns_small_steps_and_not_large_ones(linear: GeneratedSource) -> None:
    truth = 2 * energy()
    small = length(linear, count=300, interpolation="lerp", pixels="uint8", epsilon=1e-4)[0]
    large = length(linear, count=300, interpolation="lerp", pixels="uint8", epsilon=1.0)[0]
    assert small > 10 * truth
    assert large == pytest.approx(truth, rel=0.15)


def test_points_of_arcs_and_lines() -> None:
    a, b = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]])
    half = torch.tensor([0.5], dtype=torch.float64)
    assert lerp(a, b, half).tolist() == [[0.5, 1.0]]
    assert torch.allclose(slerp(a, b, half), torch.tensor([[0.5, 1.0]]) * 2**0.5)
    for t, end in ((0.0, a), (1.0, b)):
        assert torch.allclose(slerp(a, b, torch.tensor([t])), end, atol=1e-7)
    assert torch.allclose(slerp(a, 3 * a, half), 2 * a)  # no angle: the line
    shaped = torch.randn(4, 3, 2, 1, generator=torch.Generator().manual_seed(0))
    share = torch.full((4,), 0.3, dtype=torch.float64)
    flat = slerp(shaped.flatten(1), shaped.flip(0).flatten(1), share)
    assert torch.equal(slerp(shaped, shaped.flip(0), share).flatten(1), flat)


def test_pairs_depend_on_seed_and_number_alone(linear: GeneratedSource) -> None:
    source = PathSource(linear, PathRule(), 50, seed=3)
    whole = torch.cat(list(source.batches(50)))
    assert whole.dtype == torch.float32
    assert torch.equal(torch.cat(list(source.batches(7))), whole)
    assert torch.equal(torch.cat(list(source.read([41, 3]))), whole[[41, 3]])
    assert not torch.equal(next(PathSource(linear, PathRule(), 50, seed=4).read([0])), whole[:1])


def test_fingerprint_holds_every_choice(linear: GeneratedSource) -> None:
    rules = [
        PathRule(),
        PathRule(epsilon=1e-3),
        PathRule(space="w"),
        PathRule(sampling="end"),
        PathRule(pixels="uint8"),
    ]
    assert len({PathSource(linear, rule, 9, 0).fingerprint for rule in rules}) == len(rules)
    assert "slerp in z, full, epsilon 0.0001, float" in PathSource(linear, PathRule(), 9, 0).rule


def test_what_no_path_leads_through_is_said(linear: GeneratedSource, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", np.zeros((3, 4, 4, 3), dtype=np.uint8))
    with pytest.raises(GanevalError, match=r"a\.npz is none: score a run folder"):
        PathSource(open_images(tmp_path / "a.npz"), PathRule(), 3, 0)
    with pytest.raises(GanevalError, match="epsilon is 0"):
        PathSource(linear, PathRule(epsilon=0.0), 3, 0)

    class Bytes(nn.Module):
        def forward(self, z: Tensor) -> Tensor:
            return (z[:, :12].abs() * 60).to(torch.uint8).view(-1, 3, 2, 2)

    with pytest.raises(GanevalError, match="returns uint8, whose rounding drowns small steps"):
        next(PathSource(source_of(Bytes()), PathRule(), 3, 0).read([0]))
    with pytest.raises(GanevalError, match="linear has no `mapping`"):
        next(PathSource(source_of(Bytes()), PathRule(space="w", pixels="uint8"), 3, 0).read([0]))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    recipe, spec = DCGAN(filters=4, latent=8), DataSpec(size=16, channels=1, margin=2)
    state = fresh_state(recipe, spec, 0, CPU)
    for parameter in state.averages["G"].parameters():  # as they are at first, all images are grey
        parameter.data *= 4 if parameter.ndim > 1 else 1
    training = Training(seed=0, precision="fp32", ema_halflife_images=100.0)
    save_checkpoint(tmp_path, state, recipe, spec, DataRecord(name="x", fingerprint="y", count=1), training)
    return tmp_path


def test_a_checkpoint_is_a_live_generator(run: Path) -> None:
    source = open_images(run, Opening(num_samples=40))
    assert isinstance(source, CheckpointSource)
    assert isinstance(source, LiveGenerator)
    indices: Sequence[int] = range(source.rows)
    painted = source.paint(source.latents(indices), indices, "z")
    assert torch.equal(painted.round().clamp(0, 255).to(torch.uint8), next(source.read(indices)))
    value, low, high = length(source, count=64)
    assert 0 < low < value < high
    wide = length(source, count=64, epsilon=1e-3)[0]
    assert wide == pytest.approx(value, rel=0.05)  # smooth at this scale
    with pytest.raises(GanevalError, match="no `mapping`"):
        length(source, count=3, space="w")
