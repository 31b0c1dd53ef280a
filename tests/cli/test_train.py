"""`ganeval train` and `ganeval sample` as a user meets them: files, messages, exit codes, signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import reference_models.gans
from ganeval.cli.main import main
from reference_models.checkpoint import checkpoints, generate_images, load_checkpoint

SMALL = ["--set", "filters=4", "--set", "batch_size=4", "--device", "cpu", "--precision", "fp32"]
LSGAN = '''
"""LSGAN: a least squares loss (Mao et al. 2017, arXiv:1611.04076)."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import nn
from torch.nn import ModuleDict

from reference_models.recipe import Recipe, Turn


@dataclass(frozen=True)
class LSGAN(Recipe):
    """Linear networks will do here."""

    title: ClassVar[str] = "Least squares GAN"
    paper: ClassVar[str] = "Mao et al. 2017"
    batch_size: int = 4
    labels: Literal["01", "-11"] = "01"

    def networks(self, spec):
        pixels = spec.channels * spec.size**2
        g = nn.Sequential(nn.Linear(3, pixels), nn.Tanh(), nn.Unflatten(1, (spec.channels, spec.size, spec.size)))
        return ModuleDict({"G": g, "D": nn.Sequential(nn.Flatten(), nn.Linear(pixels, 1))})

    def optimizer(self, network, parameters):
        return torch.optim.RMSprop(parameters, lr=1e-3)

    def latents(self, n, rng):
        return torch.randn(n, 3, generator=rng)

    def generate(self, nets, latents, labels):
        return nets["G"](latents)

    def turns(self):
        return [Turn("D", ("D",), self.loss_d), Turn("G", ("G",), self.loss_g)]

    def loss_d(self, nets, batch):
        fake = nets["D"](self.fake(nets, batch).detach())
        return {"loss D": (nets["D"](batch.real) - 1).square().mean() + fake.square().mean()}

    def loss_g(self, nets, batch):
        return {"loss G": (nets["D"](self.fake(nets, batch)) - 1).square().mean()}
'''


@pytest.fixture
def data(tmp_path: Path) -> str:
    pixels = np.random.default_rng(0).integers(0, 256, (12, 14, 14, 3), dtype=np.uint8)
    np.savez(tmp_path / "images.npz", pixels)
    return str(tmp_path / "images.npz")


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    assert isinstance(stop.value.code, int)
    return stop.value.code


def read(path: Path) -> npt.NDArray[np.uint8]:
    with Image.open(path) as file:
        return np.asarray(file)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(checkpoints(folder)[-1].with_suffix(".safetensors"))


def assert_same(one: Path, other: Path) -> None:
    first, second = weights(one), weights(other)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_train_then_sample(data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    assert run("train", "dcgan", "--data", data, "--out", out, "--steps", "3", "--sample-every", "2", *SMALL) == 0
    shown = capsys.readouterr()
    assert f"ganeval sample {out}" in shown.out
    assert "D(G(z))" in shown.err
    assert {"log.csv", "samples", "step-00000000.json", "step-00000003.json"} <= {path.name for path in out.iterdir()}

    expected = generate_images(load_checkpoint(out), range(6), seed=2).permute(0, 2, 3, 1).numpy()
    assert expected.shape == (6, 14, 14, 3)
    for target in ("grid.png", "array.npz", "folder"):
        assert run("sample", out, "-n", "6", "--out", tmp_path / target, "--seed", "2") == 0
    with np.load(tmp_path / "array.npz", allow_pickle=False) as file:
        assert np.array_equal(file["arr_0"], expected)
    singles = sorted((tmp_path / "folder").iterdir())
    assert [path.name for path in singles] == [f"{index:06d}.png" for index in range(6)]
    assert all(np.array_equal(read(path), image) for path, image in zip(singles, expected))
    assert read(tmp_path / "grid.png").shape == (2 * 16 + 2, 3 * 16 + 2, 3)


def test_raw_weights_differ_from_the_average(data: str, tmp_path: Path) -> None:
    assert run("train", "dcgan", "--data", data, "--out", tmp_path / "run", "--steps", "3", *SMALL) == 0
    for name, flags in {"average": [], "raw": ["--raw-weights"]}.items():
        assert run("sample", tmp_path / "run", "-n", "4", "--out", tmp_path / f"{name}.npz", *flags) == 0
    average, raw = (np.load(tmp_path / f"{name}.npz")["arr_0"] for name in ("average", "raw"))
    assert not np.array_equal(average, raw)


def test_resuming_continues_the_same_run(data: str, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert run("train", "dcgan", "--data", data, "--out", whole, "--steps", "4", *SMALL) == 0
    assert run("train", "dcgan", "--data", data, "--out", parts, "--steps", "2", "--resume", *SMALL) == 0
    assert run("train", "dcgan", "--data", data, "--out", parts, "--steps", "4", "--resume", *SMALL) == 0
    assert_same(whole, parts)


def test_a_run_killed_in_the_middle_resumes_bit_for_bit(data: str, tmp_path: Path) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    common = [
        "train",
        "gan",
        "--data",
        data,
        "--save-every",
        "1",
        "--set",
        "hidden=16",
        "--set",
        "units=8",
        "--set",
        "batch_size=4",
    ]
    process = start([*common, "--out", str(killed), "--steps", "100000"])
    wait_for_step(killed, 5)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    steps = str(load_checkpoint(killed).step + 5)
    # the same environment for all parts, so that the number of threads agrees
    both = [start([*common, "--out", str(out), "--steps", steps, "--resume"]) for out in (killed, whole)]
    assert [process.wait() for process in both] == [0, 0]
    assert_same(killed, whole)


def test_sigterm_saves_and_exits_with_130(data: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    process = start(["train", "gan", "--data", data, "--out", str(out), "--steps", "100000", "--set", "hidden=16"])
    while not (out / "log.csv").exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.terminate()
    errors = (tmp_path / "errors").read_text() if process.wait(60) == 130 else "another exit code"
    assert "go on with --resume" in errors
    assert f"step {load_checkpoint(out).step}," in errors


def start(arguments: list[str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "ganeval.cli.main", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    out = Path(arguments[arguments.index("--out") + 1])
    with (out.parent / "errors").open("w") as errors:
        return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=errors)


def wait_for_step(folder: Path, step: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = checkpoints(folder)
        if found and int(found[-1].stem.removeprefix("step-")) >= step:
            return
        time.sleep(0.02)
    raise AssertionError(f"no step {step} in {folder} after a minute")


def test_dropping_a_file_is_all_a_new_recipe_takes(
    data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gans").mkdir()
    (tmp_path / "gans" / "lsgan.py").write_text(LSGAN)
    monkeypatch.setattr(reference_models.gans, "__path__", [*reference_models.gans.__path__, str(tmp_path / "gans")])
    out = tmp_path / "run"
    assert run("train", "lsgan", "--data", data, "--out", out, "--steps", "1") == 0
    assert run("train", "lsgan", "--data", data, "--out", out, "--steps", "2", "--resume") == 0
    assert run("sample", out, "-n", "2", "--out", tmp_path / "grid.png") == 0
    capsys.readouterr()
    assert run("train", "lsgan", "--data", data, "--out", tmp_path / "other", "--steps", "2", "--set", "labels=12") == 2
    assert "labels" in capsys.readouterr().err
    monkeypatch.delitem(sys.modules, "reference_models.gans.lsgan")
    monkeypatch.delattr(reference_models.gans, "lsgan")


def test_a_file_with_two_recipes_is_refused(
    data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "none_at_all.py").write_text('"""Nothing."""\n')
    monkeypatch.setattr(reference_models.gans, "__path__", [*reference_models.gans.__path__, str(tmp_path)])
    assert run("train", "none_at_all", "--data", data, "--out", tmp_path / "run", "--steps", "1") == 2
    assert "defines 0 public recipes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["dcgam", "--steps", "1"], "unknown recipe 'dcgam': did you mean 'dcgan'"),
        (["dcgan"], "give --steps, --minutes or both"),
        (["dcgan", "--steps", "1", "--set", "filter=3"], "did you mean 'filters'"),
        (["dcgan", "--steps", "1", "--set", "filters=many"], "expected a whole number, got 'many'"),
        (["gan", "--steps", "1", "--set", "loss=minmax"], "did you mean 'minimax'"),
        (["dcgan", "--steps", "1", "--size", "48"], "power of two"),
        (["dcgan", "--steps", "1", "--device", "abacus"], "device 'abacus' cannot be used"),
        (["dcgan", "--steps", "1", "--set", "learning_rate=-1", *SMALL], "refuses its options"),
    ],
)
def test_what_a_user_can_mend_exits_with_2(
    data: str, tmp_path: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("train", *arguments, "--data", data, "--out", tmp_path / "run") == 2
    # the terminal's width breaks lines anywhere
    assert message.replace(" ", "") in "".join(capsys.readouterr().err.split())
    assert not checkpoints(tmp_path / "run")


def test_a_run_is_never_overwritten(data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    assert run("train", "dcgan", "--data", data, "--out", out, "--steps", "1", *SMALL) == 2
    assert "add --resume" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == ["thesis.txt"]


def test_a_label_needs_a_conditional_model(data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("train", "dcgan", "--data", data, "--out", tmp_path / "run", "--steps", "1", *SMALL) == 0
    assert run("sample", tmp_path / "run", "--out", tmp_path / "a.png", "--label", "1") == 2
    assert "not conditional" in capsys.readouterr().err
    assert run("sample", tmp_path / "run", "--out", tmp_path / "a.png", "--by-label") == 2
    assert "not conditional, leave --by-label out" in capsys.readouterr().err
    assert run("sample", tmp_path, "--out", tmp_path / "a.png") == 2
    assert "holds no checkpoint" in capsys.readouterr().err


def test_an_encoder_shows_its_reconstructions(data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    assert run("train", "vae", "--data", data, "--out", out, "--steps", "1", "--set", "filters=4") == 0
    assert run("sample", out, "--reconstruct", data, "-n", "8", "--out", tmp_path / "rows.png") == 0
    with Image.open(tmp_path / "rows.png") as rows:
        assert rows.size == (8 * 16 + 2, 2 * 16 + 2)  # 14 pixels each, 2 between
    assert "as vae, step 1, has it" in capsys.readouterr().out
    assert run("sample", out, "--reconstruct", data, "-n", "5", "--out", tmp_path / "rows.npz") == 0
    with np.load(tmp_path / "rows.npz", allow_pickle=False) as file:
        assert file["arr_0"].shape == (5, 14, 14, 3)


def test_samples_of_a_conditional_model_by_class(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (12, 14, 14, 3), dtype=np.uint8)
    np.savez(tmp_path / "images.npz", pixels, np.arange(12) % 3)
    out, conv = tmp_path / "run", ["--set", "architecture=conv", "--steps", "2", "--sample-every", "2"]
    assert run("train", "cgan", "--data", tmp_path / "images.npz", "--out", out, *conv, *SMALL) == 0
    assert read(out / "samples" / "step-00000002.png").shape == (3 * 16 + 2, 21 * 16 + 2, 3)

    capsys.readouterr()
    for target in ("grid.png", "array.npz", "folder"):
        assert run("sample", out, "-n", "7", "--by-label", "--out", tmp_path / target) == 0
    assert "9 images of cgan" in capsys.readouterr().out
    expected = generate_images(load_checkpoint(out), range(9), seed=0).permute(0, 2, 3, 1).numpy()
    with np.load(tmp_path / "array.npz", allow_pickle=False) as file:
        assert np.array_equal(file["arr_0"], expected)
        assert file["arr_1"].tolist() == [0, 1, 2, 0, 1, 2, 0, 1, 2]
    grid = read(tmp_path / "grid.png")
    assert grid.shape == (3 * 16 + 2, 3 * 16 + 2, 3)
    assert np.array_equal(grid[18:32, 34:48], expected[7])  # row 1, column 2: the third image of class 1
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.glob("folder/1/*")) == [
        f"folder/1/{index:06d}.png" for index in (1, 4, 7)
    ]
    assert np.array_equal(read(tmp_path / "folder/1/000004.png"), expected[4])

    assert run("sample", out, "--out", tmp_path / "a.png", "--by-label", "--label", "1") == 2
    assert "leave one out" in capsys.readouterr().err


def test_a_fitted_recipe_is_trained_and_sampled_like_any_other(data: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert run("train", "gaussian", "--data", data, "--set", "components=5", "--out", out) == 0
    assert [path.name for path in checkpoints(out)] == ["step-00000001.json"]
    images = generate_images(load_checkpoint(out), range(400), seed=0).double()
    expected = torch.from_numpy(np.load(data)["arr_0"]).permute(0, 3, 1, 2).double()
    assert (images.mean(0) - expected.mean(0)).abs().mean() < 8


def test_small_options_give_way_to_those_that_are_set(data: str, tmp_path: Path) -> None:
    assert run("train", "dcgan", "--data", data, "--small", *SMALL, "--steps", 1, "--out", tmp_path / "run") == 0
    recipe = load_checkpoint(tmp_path / "run").info["options"]
    assert (recipe["filters"], recipe["kernel"]) == (4, 4)
