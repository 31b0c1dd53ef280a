"""The loop on a game small enough to follow by hand."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import ModuleDict, Parameter

import reference_models.checkpoint
import reference_models.trainer
from ganeval.device import choose_device
from ganeval.errors import GanevalError, Interrupted
from reference_models.averaging import SPECTRAL_VECTORS, decay, move_towards
from reference_models.checkpoint import checkpoints, load_checkpoint, read_record
from reference_models.feed import TrainingImages
from reference_models.layers import spectral
from reference_models.precision import choose_precision, run_in_bf16
from reference_models.recipe import Batch, DataSpec, Recipe, Turn
from reference_models.seeds import seeded
from reference_models.trainer import TrainOptions, train

DATA = TrainingImages(np.random.default_rng(0).integers(0, 256, (5, 1, 16, 16), dtype=np.uint8))


class Shift(nn.Module):
    """Images of one learned grey level per channel, plus the latent."""

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.level = Parameter(torch.zeros(channels))
        self.size = size

    def forward(self, z: Tensor) -> Tensor:
        return (self.level + z).view(len(z), -1, 1, 1).expand(-1, -1, self.size, self.size)


class Mean(nn.Module):
    """Score: slope times the image's mean."""

    def __init__(self) -> None:
        super().__init__()
        self.slope = Parameter(torch.ones(()))

    def forward(self, images: Tensor) -> Tensor:
        return self.slope * images.mean((1, 2, 3))


@dataclass(frozen=True)
class Toy(Recipe):
    """D's slope follows the real mean; G follows D. Records what the loop does."""

    title: ClassVar[str] = "toy"
    paper: ClassVar[str] = "none"

    batch_size: int = 2
    rate: float = 0.1
    fails_at: float = 1e9
    repeat: int = 1
    every: int = 1
    seen: ClassVar[list[Tensor]] = []
    steps: ClassVar[list[str]] = []

    def networks(self, spec: DataSpec) -> ModuleDict:
        return ModuleDict({"G": Shift(spec.channels, spec.size), "D": Mean()})

    def optimizer(self, network: str, parameters: Iterable[Parameter]) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, lr=self.rate)

    def latents(self, n: int, rng: torch.Generator) -> Tensor:
        return torch.randn(n, 1, generator=rng)

    def generate(self, nets: ModuleDict, latents: Tensor, labels: Tensor) -> Tensor:
        images: Tensor = nets["G"](latents)
        return images

    def turns(self) -> Sequence[Turn]:
        clamp: Callable[[ModuleDict], None] = lambda nets: nets["D"].slope.clamp_(-0.5, 0.5)  # noqa: E731
        return [
            Turn("D", ("D",), self.loss_d, repeat=self.repeat, after=clamp),
            Turn("G", ("G",), self.loss_g, every=self.every),
        ]

    def loss_d(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        self.seen.append(batch.real)
        self.steps.append("D")
        score = nets["D"](batch.real).mean()
        return {"loss D": score, "D(x)": score.detach()}

    def loss_g(self, nets: ModuleDict, batch: Batch) -> dict[str, Tensor]:
        self.seen.append(batch.real)
        self.steps.append("G")
        loss = -nets["D"](self.fake(nets, batch)).mean()
        return {"loss G": loss / 0 if self.steps.count("G") >= self.fails_at else loss}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run folder, in a world where the toy can be found by its name."""

    for module in (reference_models.trainer, reference_models.checkpoint):
        monkeypatch.setattr(module, "make_recipe", lambda name, options: Toy(**options))
    monkeypatch.setattr(Toy, "seen", [])
    monkeypatch.setattr(Toy, "steps", [])
    return tmp_path / "run"


class Watch:
    """Keeps what the trainer tells; `act` may interfere."""

    def __init__(self, act: Callable[[int], None] = lambda step: None) -> None:
        self.act = act
        self.terms: list[dict[str, float]] = []

    def on_step(self, step: int, seconds: float, terms: dict[str, float], images_per_second: float) -> None:
        assert images_per_second > 0
        self.terms.append(dict(terms))
        self.act(step)


def test_repeat_draws_fresh_batches_and_the_next_turn_shares_the_last(run: Path) -> None:
    toy = Toy(repeat=3, every=2)
    train(toy, DATA, run, TrainOptions(steps=2))
    assert "".join(toy.steps) == "DDDGDDD"
    first, second, third, shared, *rest = toy.seen
    assert shared is third
    assert not torch.equal(first, second)
    assert len({id(batch) for batch in (first, second, third, *rest)}) == 6
    assert read_record(run)[1].draws == 6


def test_one_step_is_gradient_descent_and_after(run: Path) -> None:
    train(Toy(), DATA, run, TrainOptions(steps=1, ema_halflife_images=0))
    nets = load_checkpoint(run, average=False).nets
    # `after` brought the slope from about 1 to its bound, then G climbed along it
    assert nets["D"].slope.item() == 0.5
    assert nets["G"].level.item() == pytest.approx(0.1 * 0.5)


def test_terms_without_gradient_are_logged_but_not_minimised(run: Path) -> None:
    watch = Watch()
    toy = Toy(rate=0.01)
    train(toy, DATA, run, TrainOptions(steps=1, log_every=1), watch)
    (terms,) = watch.terms
    assert terms["D(x)"] == terms["loss D"] == pytest.approx(toy.seen[0].mean().item(), abs=1e-6)
    assert (run / "log.csv").read_text().splitlines()[0] == "step,seconds,images/s,loss D,D(x),loss G"


def test_a_term_that_is_not_finite_stops_with_its_name(run: Path) -> None:
    toy = Toy(fails_at=3)
    with pytest.raises(GanevalError, match=r"step 3: term 'loss G' is (-inf|inf|nan).*step-00000002.json"):
        train(toy, DATA, run, TrainOptions(steps=9, save_every=2))
    assert load_checkpoint(run).step == 2


def test_a_weight_that_is_not_finite_is_never_saved(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Toy, "loss_g", lambda self, nets, batch: {"loss G": nets["G"].level.sum() * 1e30})
    with pytest.raises(GanevalError, match=r"weight 'G\.level' is not finite"):
        train(Toy(rate=1e30), DATA, run, TrainOptions(steps=1))
    assert load_checkpoint(run).step == 0


def test_only_the_untrained_the_kept_and_the_newest_checkpoint_stay(run: Path) -> None:
    train(Toy(), DATA, run, TrainOptions(steps=9, save_every=2, keep_every=4))
    assert [path.stem for path in checkpoints(run)] == [f"step-{step:08d}" for step in (0, 4, 8, 9)]
    assert len(list(run.glob("*.safetensors"))) == 4


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_the_finished_step_and_stops(run: Path, number: signal.Signals) -> None:
    before = signal.getsignal(number)

    def act(step: int) -> None:
        if step == 3:
            os.kill(os.getpid(), number)

    with pytest.raises(Interrupted, match=r"step 3.*--resume"):
        train(Toy(), DATA, run, TrainOptions(steps=9), Watch(act))
    assert load_checkpoint(run).step == 3
    assert signal.getsignal(number) is before


def test_the_time_budget_counts_over_resumptions(run: Path) -> None:
    train(Toy(), DATA, run, TrainOptions(minutes=0.001))
    first = read_record(run)[1]
    assert first.seconds >= 0.06
    train(Toy(), DATA, run, TrainOptions(minutes=0.001))
    assert read_record(run)[1].step == first.step


def test_resuming_a_finished_run_changes_nothing(run: Path) -> None:
    last = train(Toy(), DATA, run, TrainOptions(steps=2))
    before = last.stat().st_mtime_ns
    assert train(Toy(), DATA, run, TrainOptions(steps=2)) == last
    assert last.stat().st_mtime_ns == before


def test_resuming_sweeps_up_after_a_killed_run(run: Path) -> None:
    train(Toy(), DATA, run, TrainOptions(steps=2))
    wanted = {path.name for path in run.iterdir()}
    for name in (
        "step-00000003.safetensors",
        ".step-00000004.json.x1.json",
        ".step-00000004.safetensors.y2.safetensors",
    ):
        (run / name).write_bytes(b"half")
    assert load_checkpoint(run).step == 2
    train(Toy(), DATA, run, TrainOptions(steps=2))
    assert {path.name for path in run.iterdir()} == wanted


def test_resuming_refuses_another_run(run: Path) -> None:
    train(Toy(), DATA, run, TrainOptions(steps=1))
    with pytest.raises(GanevalError, match="another training settings"):
        train(Toy(), DATA, run, TrainOptions(steps=2, seed=1))
    with pytest.raises(GanevalError, match="another recipe"):
        train(Toy(rate=0.2), DATA, run, TrainOptions(steps=2))
    with pytest.raises(GanevalError, match="another data"):
        train(Toy(), TrainingImages(DATA.pixels, name="other"), run, TrainOptions(steps=2))


def test_a_resumed_log_drops_what_the_checkpoint_does_not_know(run: Path) -> None:
    train(Toy(), DATA, run, TrainOptions(steps=2, log_every=1))
    with (run / "log.csv").open("a") as file:
        file.write("3,0,0,0,0,0\n4,0,")  # rows of a run that was killed before it could save
    train(Toy(), DATA, run, TrainOptions(steps=4, log_every=2))
    rows = (run / "log.csv").read_text().splitlines()[1:]
    assert [row.split(",")[0] for row in rows] == ["1", "2", "4"]
    assert all(float(row.split(",")[2]) > 0 for row in rows)


def test_grids_come_from_fixed_noise(run: Path) -> None:
    train(Toy(rate=0.0), DATA, run, TrainOptions(steps=4, sample_every=2))
    one, other = (run / "samples" / f"step-{step:08d}.png" for step in (2, 4))
    assert one.read_bytes() == other.read_bytes()


def test_a_turn_needs_a_term_with_a_gradient(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Toy, "loss_g", lambda self, nets, batch: {"G": torch.zeros(())})
    with pytest.raises(GanevalError, match="turn 'G' returned no term with a gradient: G"):
        train(Toy(), DATA, run, TrainOptions(steps=1))


@pytest.mark.parametrize("options", [{}, {"steps": 0}, {"minutes": -1.0}, {"steps": 1, "save_every": 0}])
def test_options_that_cannot_be_met(options: dict[str, float]) -> None:
    with pytest.raises(GanevalError):
        TrainOptions(**options)  # type: ignore[arg-type]


def test_the_average_halves_the_distance_in_a_halflife() -> None:
    average, net = nn.BatchNorm1d(1), nn.BatchNorm1d(1)
    nn.init.constant_(average.weight, 0.0)
    nn.init.constant_(net.weight, 8.0)
    net.running_mean.fill_(4.0)  # type: ignore[union-attr, operator]
    net.num_batches_tracked.fill_(7)  # type: ignore[union-attr, operator]
    for _ in range(2):
        move_towards(average, net, decay(images=10**6, batch_size=50, halflife=100))
    assert average.weight.item() == pytest.approx(4.0)
    assert average.running_mean.item() == pytest.approx(2.0)  # type: ignore[union-attr, operator]
    assert average.num_batches_tracked.item() == 7  # type: ignore[union-attr, operator]


def test_averaged_weights_keep_spectral_norm_1_while_its_vectors_turn() -> None:
    with seeded(torch.device("cpu"), 0):
        net, average = spectral(nn.Linear(8, 8)), spectral(nn.Linear(8, 8))
    original = dict(net.named_parameters())["parametrizations.weight.original"]
    rng = torch.Generator().manual_seed(1)
    orthogonal = torch.linalg.qr(torch.randn(8, 8, generator=rng)).Q
    for _ in range(100):  # singular values are nearly equal: a little noise turns the largest one's vectors anywhere
        with torch.no_grad():
            original.copy_(orthogonal + 0.05 * torch.randn(8, 8, generator=rng))
            for _ in range(20):
                net(torch.zeros(1, 8))
        move_towards(average, net, 0.9)
    vectors = [buffer for name, buffer in average.named_buffers() if name.endswith(SPECTRAL_VECTORS)]
    assert [float(vector.norm()) for vector in vectors] == pytest.approx([1.0, 1.0])
    assert torch.linalg.svdvals(average.eval().weight)[0].item() == pytest.approx(1.0, abs=0.1)


def test_early_averages_forget_the_untrained_weights() -> None:
    assert decay(images=64, batch_size=64, halflife=10_000) < 1e-5
    assert decay(images=6400, batch_size=64, halflife=10_000) == pytest.approx(0.5 ** (64 / 320))


def test_bf16_computes_low_and_answers_in_float32() -> None:
    with seeded(torch.device("cpu"), 0):
        net = nn.Linear(64, 64)
    inputs = torch.randn(8, 64, generator=torch.Generator().manual_seed(0))
    exact = net(inputs)
    run_in_bf16(net, torch.device("cpu"))
    rough = net(inputs)
    assert rough.dtype == torch.float32
    assert torch.equal(rough, rough.bfloat16().float())
    assert 0 < (rough - exact).abs().max() < 0.05


def test_devices_and_precisions() -> None:
    assert choose_device("cpu").type == "cpu"
    assert choose_precision("bf16", torch.device("cpu")) == "bf16"
    assert choose_precision("auto", torch.device("cpu")) in ("fp32", "bf16")
    with pytest.raises(GanevalError, match="cannot be used"):
        choose_device("abacus")
