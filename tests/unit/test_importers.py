"""Imported networks against an independent computation, from small files made on the spot in their true formats."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from scipy.signal import convolve2d
from torch import nn

from ganeval.batchnorm import reestimate
from ganeval.cli.main import ganeval as ganeval_command
from ganeval.errors import GanevalError
from reference_models.checkpoint import generate_images, load_checkpoint
from reference_models.importers import dcgan_pytorch, dcgan_theano
from reference_models.importers.imported import Importer, save_imported
from reference_models.registry import importers, make_recipe, recipe_names
from reference_models.state import build_networks

LATENT, FILTERS = 6, 2  # images of 16x16: two stages, D of 2 and 4 maps


def theano_arrays() -> dict[str, list[np.ndarray]]:
    rng = np.random.default_rng(0)

    def draw(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    gen = [draw(LATENT, 64), 1 + draw(64) / 9, draw(64), draw(4, 2, 5, 5), 1 + draw(2) / 9, draw(2), draw(2, 3, 5, 5)]
    return {"gen": gen, "discrim": [draw(2, 3, 5, 5), draw(4, 2, 5, 5), 1 + draw(4) / 9, draw(4), draw(64, 1)]}


def theano_folder(folder: Path) -> Path:
    folder.mkdir()
    for net, arrays in theano_arrays().items():
        for number, array in enumerate(arrays, start=1):
            np.save(folder / f"7_{net}_params.jl_{number:02d}.npy", array)
    (folder / "7_gen_params.jl").write_bytes(b"a pickle that nobody opens")
    return folder


def true_convolution(images: np.ndarray, kernels: np.ndarray) -> np.ndarray:
    """Stride 2, 2 pixels of padding: sums of scipy's convolutions, every second of them."""
    return np.array(
        [
            [sum(convolve2d(c, k, "same") for c, k in zip(image, kernel))[::2, ::2] for kernel in kernels]
            for image in images
        ]
    )


def leaky(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, 0.2 * x)


def normed(x: np.ndarray, gain: np.ndarray, bias: np.ndarray) -> np.ndarray:
    mean, variance = x.mean((0, 2, 3), keepdims=True), x.var((0, 2, 3), keepdims=True)
    return (x - mean) / np.sqrt(variance + 1e-8) * gain[:, None, None] + bias[:, None, None]


def test_theano_kernels_are_true_convolutions(tmp_path: Path) -> None:
    found = dcgan_theano.read([theano_folder(tmp_path / "theirs")])
    assert (found.spec.size, found.recipe.latent, found.recipe.filters) == (16, LATENT, FILTERS)
    nets = build_networks(found.recipe, found.spec, 0, torch.device("cpu"))
    nets["D"].load_state_dict(found.weights["D"], strict=False)
    images = torch.rand(5, 3, 16, 16, generator=torch.Generator().manual_seed(1)) * 2 - 1
    reestimate(nets["D"], [images])
    w1, w2, gain, bias, judge = theano_arrays()["discrim"]
    first = leaky(true_convolution(images.numpy().astype(np.float64), w1))
    second = leaky(normed(true_convolution(first, w2), gain, bias))
    with torch.no_grad():
        scores = nets["D"](images)
    np.testing.assert_allclose(scores, (second.reshape(5, -1) @ judge)[:, 0], rtol=1e-4, atol=1e-3)


def test_theano_generator_is_the_gradient_of_true_convolutions(tmp_path: Path) -> None:
    """Theano's deconvolution is the gradient of a true convolution with respect to its input: <Ax, y> = <x, A'y>."""
    found = dcgan_theano.read([theano_folder(tmp_path / "theirs")])
    generator = build_networks(found.recipe, found.spec, 0, torch.device("cpu"))["G"]
    generator.load_state_dict(found.weights["G"], strict=False)
    layer = next(m for m in generator if isinstance(m, nn.ConvTranspose2d))
    rng = np.random.default_rng(1)
    small, large = rng.normal(size=(1, 4, 4, 4)), rng.normal(size=(1, 2, 8, 8))
    with torch.no_grad():
        enlarged = layer(torch.from_numpy(small).float()).numpy()
    assert enlarged.shape == large.shape
    down = true_convolution(large, theano_arrays()["gen"][3])
    assert (down * small).sum() == pytest.approx((enlarged * large).sum(), rel=1e-4)
    assert torch.equal(found.weights["G"]["0.weight"], torch.from_numpy(theano_arrays()["gen"][0]).T)


def test_an_import_is_a_run_like_any_other(tmp_path: Path) -> None:
    folder, run = theano_folder(tmp_path / "theirs"), tmp_path / "run"
    result = CliRunner().invoke(ganeval_command, ["import", "dcgan-theano", str(folder), "--out", str(run)])
    assert result.exit_code == 0, result.output
    checkpoint = load_checkpoint(run)
    assert checkpoint.recipe_name == "dcgan_theano"
    assert generate_images(checkpoint, range(3), 0).shape == (3, 3, 16, 16)
    # statistics are those of the networks' own inputs, so normalised maps have about the gain as their deviation
    norm = checkpoint.nets["G"][1]
    rows = checkpoint.nets["G"][0](checkpoint.recipe.latents(4000, torch.Generator().manual_seed(5)))
    torch.testing.assert_close(norm.running_var, rows.var(0), rtol=0.2, atol=0.0)
    assert not bool((checkpoint.nets["D"][3].running_var == 1).any())
    again = CliRunner().invoke(ganeval_command, ["import", "dcgan-theano", str(folder), "--out", str(run)])
    assert isinstance(again.exception, GanevalError)


def example_states() -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """As pytorch/examples/dcgan/main.py writes its networks, narrow ones."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        g = nn.Sequential(
            nn.ConvTranspose2d(5, 16, 4, 1, 0, bias=False), nn.BatchNorm2d(16), nn.ReLU(True),
            nn.ConvTranspose2d(16, 8, 4, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(True),
            nn.ConvTranspose2d(8, 4, 4, 2, 1, bias=False), nn.BatchNorm2d(4), nn.ReLU(True),
            nn.ConvTranspose2d(4, 2, 4, 2, 1, bias=False), nn.BatchNorm2d(2), nn.ReLU(True),
            nn.ConvTranspose2d(2, 3, 4, 2, 1, bias=False), nn.Tanh(),
        )  # fmt: skip
        d = nn.Sequential(
            nn.Conv2d(3, 3, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(3, 6, 4, 2, 1, bias=False), nn.BatchNorm2d(6), nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(6, 12, 4, 2, 1, bias=False), nn.BatchNorm2d(12), nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(12, 24, 4, 2, 1, bias=False), nn.BatchNorm2d(24), nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(24, 1, 4, 1, 0, bias=False), nn.Sigmoid(),
        )  # fmt: skip
        g(torch.randn(8, 5, 1, 1)), d(torch.randn(8, 3, 64, 64))  # moves the running statistics
    return tuple({f"module.main.{k}": v for k, v in net.state_dict().items()} for net in (g, d))  # type: ignore[return-value]


def test_pytorch_example_with_its_own_statistics(tmp_path: Path) -> None:
    states = example_states()
    for name, state in zip(("netG_epoch_1.pth", "netD_epoch_1.pth"), states):
        torch.save(state, tmp_path / name)
    found = dcgan_pytorch.read([tmp_path / "netG_epoch_1.pth", tmp_path / "netD_epoch_1.pth"])
    saved = save_imported(found, "example", tmp_path / "run")
    checkpoint = load_checkpoint(saved)
    assert (checkpoint.spec.size, checkpoint.recipe.parts) == (64, "GD")
    for key, state in zip("GD", states):
        for name, value in checkpoint.nets[key].state_dict().items():
            assert torch.equal(value, state[f"module.{name}"]), name
    assert generate_images(checkpoint, [0], 0).shape == (1, 3, 64, 64)
    only = dcgan_pytorch.read([tmp_path / "netD_epoch_1.pth"])
    alone = load_checkpoint(save_imported(only, "example", tmp_path / "alone"))
    with pytest.raises(GanevalError, match="without a generator"):
        generate_images(alone, [0], 0)


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise SystemExit('executed')",))


def test_nothing_that_is_read_is_executed(tmp_path: Path) -> None:
    folder = theano_folder(tmp_path / "theirs")
    np.save(folder / "7_gen_params.jl_02.npy", np.array([Evil()], dtype=object), allow_pickle=True)
    with pytest.raises(GanevalError, match=r"cannot be read as an \.npy"):
        dcgan_theano.read([folder])
    (tmp_path / "netG.pth").write_bytes(pickle.dumps(Evil(), protocol=2))
    with pytest.raises(GanevalError, match="without executing it"):
        dcgan_pytorch.read([tmp_path / "netG.pth"])


def test_files_of_other_networks_are_refused(tmp_path: Path) -> None:
    folder = theano_folder(tmp_path / "theirs")
    np.save(folder / "7_discrim_params.jl_02.npy", np.zeros((4, 3, 5, 5), np.float32))
    with pytest.raises(GanevalError, match=r"expected \(4, 2, 5, 5\)"):
        dcgan_theano.read([folder])
    (folder / "7_gen_params.jl_07.npy").unlink()
    with pytest.raises(GanevalError, match="6 arrays"):
        dcgan_theano.read([folder])
    torch.save({"a": torch.zeros(1)}, tmp_path / "netG.pth")
    with pytest.raises(GanevalError, match="expected main"):
        dcgan_pytorch.read([tmp_path / "netG.pth"])


def test_imported_recipes_are_formats_not_models_to_train() -> None:
    assert all(isinstance(importer, Importer) for importer in importers().values())
    assert not {"dcgan_theano", "dcgan_pytorch"} & set(recipe_names())
    with pytest.raises(GanevalError, match="imported, not trained"):
        make_recipe("dcgan_theano").fit(nn.ModuleDict(), lambda: iter(()), torch.Generator())
