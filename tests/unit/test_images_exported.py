"""Programs of torch.export as image sets: the same images as torch's own loader gives, without loading by it."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganeval.errors import GanevalError
from ganeval.images import ImageSource, Opening, open_images
from ganeval.images.calling import USUAL, Calling

Change = Callable[[dict[str, Any]], None]
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")


class Conditional(nn.Module):
    """Several kinds of operators and arguments: lists, symbolic sizes, constants, devices, dtypes."""

    def __init__(self) -> None:
        super().__init__()
        self.classes, self.linear = nn.Embedding(10, 8), nn.Linear(16, 512)
        self.norm, self.up = nn.BatchNorm2d(32), nn.ConvTranspose2d(32, 16, 4, 2, 1)
        self.out = nn.Conv2d(16, 3, 3, padding=1)
        self.register_buffer("scale", torch.ones(2), persistent=False)
        self.constant = torch.tensor([2.0])

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        hidden = self.linear(torch.cat([latents, self.classes(labels)], 1)).view(latents.shape[0], 32, 4, 4)
        hidden = F.interpolate(F.relu(self.norm(hidden)), scale_factor=2, mode="nearest")
        one, other = self.up(hidden).chunk(2, 1)
        hidden = torch.cat([one * self.scale[0], other.sigmoid() * self.constant], 1)
        noise = torch.zeros(latents.shape[0] * 2, 1, device=latents.device).to(hidden.dtype)
        largest, _ = hidden.flatten(1).max(1, keepdim=True)
        hidden = hidden / (1 + largest.view(-1, 1, 1, 1)) + noise[: latents.shape[0]].view(-1, 1, 1, 1)
        return torch.tanh(self.out(hidden[torch.arange(hidden.shape[0])]))


class Small(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.Linear(8, 48), nn.BatchNorm1d(48), nn.Tanh(), nn.Unflatten(1, (3, 4, 4)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Exported once for all tests: exporting takes a second each."""
    folder = tmp_path_factory.mktemp("exported")
    rows = torch.export.Dim("rows", min=2)
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(0)
        nets = {"conditional": Conditional().eval(), "static": Small().eval(), "training": Small().train()}
        inputs = {"conditional": (torch.zeros(4, 8), torch.arange(4))}
        for name, net in nets.items():
            dynamic = ({0: rows}, {0: rows}) if name in inputs else None
            program = torch.export.export(net, inputs.get(name, (torch.randn(4, 8),)), dynamic_shapes=dynamic)
            torch.export.save(program, folder / f"{name}.pt2")
        torch.export.save(
            torch.export.export(nets["conditional"], inputs["conditional"]).run_decompositions(), folder / "core.pt2"
        )
    with zipfile.ZipFile(folder / "static.pt2") as file:
        if not any(name.endswith("model_weights_config.json") for name in file.namelist()):
            pytest.skip("torch.export.save of this torch writes an older layout")
    return folder


def changed(path: Path, target: Path, change: Change, entry: str = "models/model.json") -> Path:
    """A copy of an exported program with its JSON changed."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name.endswith(entry):
                about = json.loads(content)
                change(about)
                content = json.dumps(about).encode()
            new.writestr(name, content)
    return target


def open_source(path: Path, calling: Calling = USUAL, count: int = 40) -> ImageSource:
    source = open_images(path, Opening(calling=calling, num_samples=count))
    assert isinstance(source, ImageSource)
    return source


@pytest.mark.parametrize(("name", "classes"), [("conditional", 10), ("core", 10), ("static", 0)])
def test_images_are_those_of_torchs_own_loader(folder: Path, name: str, classes: int) -> None:
    calling = Calling(classes=classes)
    source = open_source(folder / f"{name}.pt2", calling)
    made = torch.cat(list(source.batches(7)))
    module = torch.export.load(folder / f"{name}.pt2").module()
    inputs = [calling.latents((8,), 0, range(40)), *([torch.arange(40) % 10] if classes else [])]
    parts = zip(*(tensor.split(4) for tensor in inputs))
    with torch.no_grad():
        expected = torch.cat([((module(*part) + 1) * 127.5).round() for part in parts])
    assert (made.float() - expected).abs().max() <= 1
    assert source.cacheable
    assert source.warnings == []


def test_the_shape_of_the_latents_and_the_labels_are_stated_in_the_file(folder: Path) -> None:
    with pytest.raises(GanevalError, match="latents of shape 8, got --latent-dim 9"):
        open_source(folder / "static.pt2", Calling(shape=(9,)))
    with pytest.raises(GanevalError, match="give --num-classes"):
        open_source(folder / "conditional.pt2")
    with pytest.raises(GanevalError, match="takes latents alone"):
        open_source(folder / "static.pt2", Calling(classes=10))


def test_training_mode_is_refused(folder: Path) -> None:
    with pytest.raises(GanevalError, match=r"batch normalisation in training mode: call \.eval\(\)"):
        open_source(folder / "training.pt2")


@pytest.mark.parametrize(
    "target",
    [
        "torch.ops.aten.from_file.default",
        "torch.ops.aten.save.default",
        "torch.hub.load",
        "torch.load",
        "torch.ops.higher_order.cond",
        "torch.ops.aten.__class__.default",
        "torch.ops.aten.tanh.__init__",
        "_operator.methodcaller",
        "os.system",
    ],
)
def test_operators_that_are_no_arithmetic_are_refused(folder: Path, tmp_path: Path, target: str) -> None:
    def change(about: dict[str, Any]) -> None:
        about["graph_module"]["graph"]["nodes"][-1]["target"] = target

    with pytest.raises(GanevalError, match=f"uses the operator '{target}'; expected torch's own arithmetic"):
        open_source(changed(folder / "static.pt2", tmp_path / "x.pt2", change))


def test_text_that_torchs_loader_would_evaluate_is_never_looked_at(folder: Path, tmp_path: Path) -> None:
    left = tmp_path / "left"
    code = f"__import__('pathlib').Path({str(left)!r}).touch()"

    def change(about: dict[str, Any]) -> None:
        about["guards_code"] = [code]
        for value in about["graph_module"]["graph"]["tensor_values"].values():
            value["strides"] = [{"as_expr": {"expr_str": code}}]
        for node in about["graph_module"]["graph"]["nodes"]:
            node["metadata"] = {"torch_fn": code, "nn_module_stack": code}

    path = changed(folder / "static.pt2", tmp_path / "x.pt2", change)
    assert torch.equal(*(torch.cat(list(open_source(one).batches(40))) for one in (path, folder / "static.pt2")))
    assert not left.exists()


def test_pickled_weights_that_are_more_than_tensors_are_refused(folder: Path, tmp_path: Path) -> None:
    def change(about: dict[str, Any]) -> None:
        for one in about["config"].values():
            one["use_pickle"] = True

    path = changed(folder / "static.pt2", tmp_path / "x.pt2", change, "model_weights_config.json")
    with pytest.raises(GanevalError, match=r"is not laid out as a current"):
        open_source(path)


def test_strides_beyond_the_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    def change(about: dict[str, Any]) -> None:
        about["config"]["0.weight"]["tensor_meta"]["strides"] = [{"as_int": 10**9}, {"as_int": 1}]

    path = changed(folder / "static.pt2", tmp_path / "x.pt2", change, "model_weights_config.json")
    with pytest.raises(GanevalError, match=r"is not laid out as a current"):
        open_source(path)


def test_code_compiled_for_a_machine_and_old_layouts_are_refused(tmp_path: Path) -> None:
    for entry, message in [
        ("net/data/aotinductor/model/wrapper.so", "code compiled for a machine"),
        ("serialized_exported_program.json", "exported by an older torch"),
    ]:
        with zipfile.ZipFile(tmp_path / "net.pt2", "w") as file:
            file.writestr(entry, "")
        with pytest.raises(GanevalError, match=message):
            open_source(tmp_path / "net.pt2")
