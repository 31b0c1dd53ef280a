"""TorchScript archives as image sets, and torch's pickles, which are refused."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ganeval.errors import GanevalError
from ganeval.images import ImageSource, Opening, open_images
from ganeval.images.calling import Calling

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.* is deprecated", "ignore::torch.jit.TracerWarning")


class Net(nn.Module):
    def __init__(self, training: bool = False) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.default_generator.manual_seed(0)
            self.linear, self.norm, self.drop = nn.Linear(8, 48), nn.BatchNorm1d(48), nn.Dropout(0.5)
        self.train(training)

    def forward(self, latents: Tensor) -> Tensor:
        return torch.tanh(self.drop(self.norm(self.linear(latents)))).reshape(-1, 3, 4, 4)


class ByClass(nn.Module):
    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        return (labels.view(-1, 1, 1, 1).expand(-1, 1, 2, 2) * 20).to(torch.uint8)


class Saving(nn.Module):
    def forward(self, latents: Tensor) -> Tensor:
        torch.save(latents, "written")
        return latents


class Reading(nn.Module):
    def forward(self, latents: Tensor) -> Tensor:
        return torch.from_file("/etc/hostname", False, 4, dtype=torch.uint8)


class Executed:
    """A pickle that would leave a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def scripted(net: nn.Module, path: Path) -> Path:
    torch.jit.script(net).save(str(path))
    return path


def open_source(path: Path, calling: Calling = Calling(shape=(8,)), count: int = 40) -> ImageSource:  # noqa: B008
    source = open_images(path, Opening(calling=calling, num_samples=count))
    assert isinstance(source, ImageSource)
    return source


@pytest.mark.parametrize("suffix", [".pt", ".ts", ".pth", ".jit"])
def test_images_are_the_networks(tmp_path: Path, suffix: str) -> None:
    source = open_source(scripted(Net(), tmp_path / f"net{suffix}"))
    expected = ((Net()(Calling().latents((8,), 0, range(40))) + 1) * 127.5).round()
    made = torch.cat(list(source.batches(7)))
    assert (made.float() - expected).abs().max() <= 1
    assert source.cacheable
    assert source.warnings == []


def test_a_script_saved_in_training_mode_runs_in_evaluation_mode(tmp_path: Path) -> None:
    paths = [scripted(Net(training), tmp_path / f"{training}.ts") for training in (False, True)]
    evaluated, trained = (torch.cat(list(open_source(path).batches(40))) for path in paths)
    assert torch.equal(evaluated, trained)


def test_a_trace_that_is_stuck_in_training_mode_is_refused(tmp_path: Path) -> None:
    net = Net(training=True)
    net.drop = nn.Identity()  # type: ignore[assignment]
    torch.jit.trace(net, torch.zeros(4, 8), check_trace=False).save(str(tmp_path / "net.pt"))
    with pytest.raises(GanevalError, match="batch normalisation in training mode"):
        open_source(tmp_path / "net.pt")


def test_the_fingerprint_is_of_the_content(tmp_path: Path) -> None:
    one, other = scripted(Net(), tmp_path / "one.pt"), scripted(Net(), tmp_path / "other.pt")
    other.write_bytes(one.read_bytes())
    third = Net()
    third.linear.weight.data += 1
    assert open_source(one).fingerprint == open_source(other).fingerprint
    assert open_source(one).fingerprint != open_source(scripted(third, tmp_path / "third.pt")).fingerprint


def test_labels_are_asked_for_and_passed_on(tmp_path: Path) -> None:
    path = scripted(ByClass(), tmp_path / "net.ts")
    source = open_source(path, Calling(shape=(8,), classes=3), count=7)
    assert (torch.cat(list(source.batches(7)))[:, 0, 0, 0] // 20).tolist() == [0, 1, 2, 0, 1, 2, 0]
    with pytest.raises(GanevalError, match="give --num-classes"):
        open_source(path)
    with pytest.raises(GanevalError, match="takes latents alone"):
        open_source(scripted(Net(), tmp_path / "other.ts"), Calling(shape=(8,), classes=3))


@pytest.mark.parametrize(("net", "word"), [(Saving(), "save"), (Reading(), "from_file")])
def test_operators_that_reach_files_are_refused_before_loading(tmp_path: Path, net: nn.Module, word: str) -> None:
    with pytest.raises(GanevalError, match=f"calls '{word}' in code/.*: expected arithmetic on tensors alone"):
        open_source(scripted(net, tmp_path / "net.pt"))


@pytest.mark.parametrize(
    "line",
    [
        "ops.image.write_file('x', latents)",
        "ops . image . read_file('x')",
        "x = __torch__.torch.classes.c10d.Store()",
        "torch. save(latents, 'x')",
    ],
)
def test_other_ways_to_reach_outside_are_refused_too(tmp_path: Path, line: str) -> None:
    path, changed = scripted(Net(), tmp_path / "net.pt"), tmp_path / "changed.pt"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            more = f"\n    {line}\n".encode() if name.endswith(".py") else b""
            new.writestr(name, old.read(name) + more)
    with pytest.raises(GanevalError, match="may reach files or the network"):
        open_source(changed)


def test_pickles_are_refused_with_the_way_out_and_never_read(tmp_path: Path) -> None:
    left = tmp_path / "left"
    torch.save(Executed(left), tmp_path / "module.pt")
    torch.save(Net().state_dict(), tmp_path / "weights.pth")
    torch.save(Executed(left), tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    (tmp_path / "plain.ckpt").write_bytes(pickle.dumps(Executed(left)))
    for name in ("module.pt", "weights.pth", "old.pt", "plain.ckpt"):
        with pytest.raises(GanevalError, match=r"is a pickle, (?s:.*)net\.ts(?s:.*)score MODULE:CALLABLE"):
            open_source(tmp_path / name)
    assert not left.exists()


def test_a_pickle_beside_the_code_is_not_read_either(tmp_path: Path) -> None:
    path, left = scripted(Net(), tmp_path / "net.pt"), tmp_path / "left"
    with zipfile.ZipFile(path) as file:
        entries = {name: file.read(name) for name in file.namelist()}
    with zipfile.ZipFile(path, "w") as file:
        for name, content in entries.items():
            file.writestr(name, pickle.dumps(Executed(left)) if name.endswith("/data.pkl") else content)
    with pytest.raises(GanevalError, match="is no TorchScript that this torch"):
        open_source(path)
    assert not left.exists()


def test_damaged_and_foreign_files(tmp_path: Path) -> None:
    (tmp_path / "text.pt").write_text("no archive")
    whole = scripted(Net(), tmp_path / "net.pt").read_bytes()
    (tmp_path / "half.pt").write_bytes(whole[: len(whole) // 2])
    for name in ("text.pt", "half.pt"):
        with pytest.raises(GanevalError, match="is damaged, or no file of torch"):
            open_source(tmp_path / name)
    with zipfile.ZipFile(tmp_path / "zip.pt", "w") as file:
        file.writestr("a/b", "c")
    with pytest.raises(GanevalError, match="neither TorchScript nor"):
        open_source(tmp_path / "zip.pt")
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(tmp_path / "net.pt", "a") as file:
        file.writestr("net/version", "3")
    with pytest.raises(GanevalError, match="two entries of one name"):
        open_source(tmp_path / "net.pt")


def test_a_network_that_fails_on_these_latents_is_a_user_error(tmp_path: Path) -> None:
    with pytest.raises(GanevalError, match=r"failed on latents of shape \(32, 9\): .*--latent-dim"):
        open_source(scripted(Net(), tmp_path / "net.pt"), Calling(shape=(9,)))
