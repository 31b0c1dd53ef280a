"""Weight files: named, found, downloaded, refused. Downloads come from a server on the loopback address."""

from __future__ import annotations

import hashlib
import pickle
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from ganeval.errors import GanevalError, WeightsError
from ganeval.extractors import known_extractors, weights
from ganeval.extractors.lpips import BACKBONES
from ganeval.extractors.weights import Weights

CONTENT = b"weights" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A server on the loopback address that offers `net.pth`."""
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "net.pth").write_bytes(CONTENT)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of this machine's is found."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv(weights.FOLDER, raising=False)
    monkeypatch.delenv(weights.OFFLINE, raising=False)


@pytest.fixture
def net(address: str, monkeypatch: pytest.MonkeyPatch) -> Weights:
    """A published file, known as `net`."""
    known = Weights("net", ("net.pth", "other-name.pth"), SHA256, f"{address}/net.pth", "MIT", "for tests")
    monkeypatch.setattr(weights, "known_weights", lambda: {"net": known})
    return known


def test_download_keeps_a_file_with_the_right_hash(address: str, tmp_path: Path) -> None:
    target = tmp_path / "new" / "net.pth"
    weights.download(f"{address}/net.pth", SHA256, target)
    assert target.read_bytes() == CONTENT


def test_download_accepts_a_prefix_of_the_hash(address: str, tmp_path: Path) -> None:
    weights.download(f"{address}/net.pth", SHA256[:8], tmp_path / "net.pth")
    assert (tmp_path / "net.pth").is_file()


@pytest.mark.parametrize("file", ["net.pth", "missing.pth"])
def test_a_failed_download_leaves_nothing(address: str, tmp_path: Path, file: str) -> None:
    target = tmp_path / "new" / "net.pth"
    with pytest.raises(WeightsError, match=file):
        weights.download(f"{address}/{file}", "0" * 64, target)
    assert list(target.parent.iterdir()) == []


def test_a_failed_download_keeps_the_file_that_was_there(address: str, tmp_path: Path) -> None:
    target = tmp_path / "net.pth"
    target.write_bytes(b"old")
    with pytest.raises(WeightsError, match=SHA256):
        weights.download(f"{address}/net.pth", "0" * 64, target)
    assert target.read_bytes() == b"old"


def test_find_downloads_once_into_the_cache(net: Weights, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not weights.present("net")
    first = weights.find("net")
    assert first == weights.Located(weights.cache_folder() / "net.pth", SHA256, "verified")
    monkeypatch.setenv(weights.OFFLINE, "1")
    assert weights.find("net") == first
    assert weights.present("net")


def test_a_named_file_may_have_any_hash_and_is_marked(net: Weights, tmp_path: Path) -> None:
    path = tmp_path / "mine.pth"
    path.write_bytes(b"mine")
    found = weights.find("net", named={"net": path})
    assert (found.path, found.fingerprint) == (path, f"custom:{hashlib.sha256(b'mine').hexdigest()}")


def test_a_named_file_must_exist(net: Weights, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="--weights net=PATH"):
        weights.find("net", named={"net": tmp_path / "none.pth"})


@pytest.mark.parametrize("file", ["net.pth", "other-name.pth"])
@pytest.mark.parametrize("place", ["environment", "torch hub", "own cache"])
def test_find_looks_in_every_place_under_every_name(
    net: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, place: str
) -> None:
    monkeypatch.setenv(weights.OFFLINE, "1")
    monkeypatch.setenv(weights.FOLDER, str(tmp_path / "environment"))
    places = {
        "environment": tmp_path / "environment",
        "torch hub": tmp_path / "torch" / "hub" / "checkpoints",
        "own cache": weights.cache_folder(),
    }
    places[place].mkdir(parents=True)
    (places[place] / file).write_bytes(CONTENT)
    assert weights.find("net") == weights.Located(places[place] / file, SHA256, "verified")


def test_a_found_file_with_another_hash_is_refused(net: Weights, tmp_path: Path) -> None:
    folder = weights.cache_folder()
    folder.mkdir(parents=True)
    (folder / "net.pth").write_bytes(CONTENT[:-1])
    with pytest.raises(WeightsError, match=f"expected {SHA256}.*--weights net="):
        weights.find("net")


def test_offline_the_message_says_what_is_needed_and_where_it_goes(
    net: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(weights.OFFLINE, "1")
    with pytest.raises(WeightsError) as caught:
        weights.find("net")
    for part in (net.files[0], SHA256, net.url, weights.FOLDER, "--weights net=PATH", str(weights.cache_folder())):
        assert part in str(caught.value)


def test_an_unreachable_server_is_the_users_to_mend(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot download"):
        weights.download("http://127.0.0.1:9/net.pth", SHA256, tmp_path / "net.pth")


def test_an_unknown_network_is_an_error_with_the_nearest_name() -> None:
    with pytest.raises(GanevalError, match="did you mean 'inception'"):
        weights.find("incption")


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_tensors_are_read_from_both_formats(tmp_path: Path, suffix: str) -> None:
    state = {"a.weight": torch.arange(6.0).view(2, 3), "b": torch.ones(2, dtype=torch.bfloat16)}
    path = tmp_path / f"net{suffix}"
    save_file(state, path) if suffix == ".safetensors" else torch.save({"state_dict": state}, path)
    found = weights.read_state(path)
    assert weights.sha256_of_tensors(found) == weights.sha256_of_tensors(state)
    assert all(torch.equal(found[name], value) for name, value in state.items())


class Trap:
    """What a hostile file would hold: loading it as a pickle leaves a mark."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("writer", ["torch", "pickle"])
def test_a_file_that_would_run_code_is_refused_and_not_run(tmp_path: Path, writer: str) -> None:
    path, mark = tmp_path / "net.pth", tmp_path / "mark"
    torch.save({"a": Trap(mark)}, path) if writer == "torch" else path.write_bytes(pickle.dumps(Trap(mark)))
    with pytest.raises(WeightsError, match=r"net\.pth"):
        weights.read_state(path)
    assert not mark.exists()


@pytest.mark.parametrize("content", [b"", b"no weights", b"PK\x03\x04"])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_damaged_file_is_the_users_to_mend(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"net{suffix}"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="cannot be read"):
        weights.read_state(path)


def test_the_hash_of_tensors_sees_values_names_types_and_shapes() -> None:
    state = {"a": torch.zeros(2, 2)}
    others = [{"a": torch.ones(2, 2)}, {"b": torch.zeros(2, 2)}, {"a": torch.zeros(4)}, {"a": torch.zeros(2, 2).int()}]
    digests = {weights.sha256_of_tensors(one) for one in [state, *others]}
    assert len(digests) == 5


def test_every_published_file_is_named_after_its_hash_and_belongs_to_an_extractor() -> None:
    users = {entry.weights for entry in known_extractors().values()} | {one.model for one in BACKBONES.values()}
    for name, known in weights.known_weights().items():
        assert len(known.sha256) == 64
        assert all(known.sha256[:8] in file for file in known.files)
        assert name in users
