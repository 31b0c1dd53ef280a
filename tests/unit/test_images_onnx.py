"""ONNX graphs as image sets."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ganeval.errors import GanevalError
from ganeval.images import ImageSource, Opening, open_images
from ganeval.images.calling import USUAL, Calling

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

WEIGHTS = np.random.default_rng(0).normal(0, 0.3, (8, 48)).astype(np.float32)


def value(name: str, kind: str, *shape: int | str) -> Any:
    return onnx.helper.make_tensor_value_info(name, getattr(onnx.TensorProto, kind), shape)


def save(path: Path, nodes: list[Any], inputs: list[Any], outputs: list[Any], **external: object) -> Path:
    weights = onnx.numpy_helper.from_array(WEIGHTS, "weights")
    shape = onnx.numpy_helper.from_array(np.array([-1, 3, 4, 4]), "shape")
    graph = onnx.helper.make_graph(nodes, "net", inputs, outputs, [weights, shape])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(path), **external)
    return path


def linear(path: Path, rows: int | str = "n", width: int | str = 8, **external: object) -> Path:
    nodes = [
        onnx.helper.make_node("MatMul", ["z", "weights"], ["h"]),
        onnx.helper.make_node("Tanh", ["h"], ["t"]),
        onnx.helper.make_node("Reshape", ["t", "shape"], ["image"]),
    ]
    return save(path, nodes, [value("z", "FLOAT", rows, width)], [value("image", "FLOAT", rows, 3, 4, 4)], **external)


def by_class(path: Path) -> Path:
    nodes = [
        onnx.helper.make_node("Gather", ["weights", "y"], ["rows"]),
        onnx.helper.make_node("Mul", ["rows", "z"], ["h"]),
        onnx.helper.make_node("Sigmoid", ["h"], ["s"]),
        onnx.helper.make_node("Reshape", ["s", "shape"], ["image"]),
    ]
    inputs = [value("z", "FLOAT", "n", 48), value("y", "INT32", "n")]
    return save(path, nodes, inputs, [value("image", "FLOAT", "n", 3, 4, 4)])


def open_source(path: Path, calling: Calling = USUAL, count: int = 40) -> ImageSource:
    source = open_images(path, Opening(calling=calling, num_samples=count))
    assert isinstance(source, ImageSource)
    return source


@pytest.mark.parametrize("rows", ["n", 4])
def test_images_are_the_graphs(tmp_path: Path, rows: int | str) -> None:
    source = open_source(linear(tmp_path / "net.onnx", rows))
    latents = Calling().latents((8,), 0, range(40)).numpy()
    expected = (np.tanh(latents @ WEIGHTS).reshape(-1, 3, 4, 4) + 1) * 127.5
    made = torch.cat(list(source.batches(7)))
    np.testing.assert_allclose(made.numpy(), expected, atol=0.501)
    assert source.cacheable
    assert source.warnings == []


def test_a_width_that_the_graph_leaves_open_is_asked_for(tmp_path: Path) -> None:
    path = linear(tmp_path / "net.onnx", width="d")
    with pytest.raises(GanevalError, match="give --latent-dim"):
        open_source(path)
    assert len(open_source(path, Calling(shape=(8,)))) == 40
    with pytest.raises(GanevalError, match=r"failed on latents of shape \(32, 9\)"):
        open_source(path, Calling(shape=(9,)))


def test_labels_are_cast_to_what_the_graph_takes(tmp_path: Path) -> None:
    path = by_class(tmp_path / "net.onnx")
    source = open_source(path, Calling(classes=8, output_range="0,1"), count=16)
    made = torch.cat(list(source.batches(16)))
    latents = Calling().latents((48,), 0, range(16)).numpy()
    expected = 255 / (1 + np.exp(-WEIGHTS[np.arange(16) % 8] * latents)).reshape(-1, 3, 4, 4)
    np.testing.assert_allclose(made.numpy(), expected, atol=0.501)
    with pytest.raises(GanevalError, match="give --num-classes"):
        open_source(path)


def test_weights_in_a_file_beside_the_graph_belong_to_the_fingerprint(tmp_path: Path) -> None:
    external = {"save_as_external_data": True, "location": "net.bin", "size_threshold": 0}
    inside, path = linear(tmp_path / "inside.onnx"), linear(tmp_path / "net.onnx", **external)
    first = open_source(path)
    assert torch.equal(torch.cat(list(first.batches(40))), torch.cat(list(open_source(inside).batches(40))))
    before = bytearray((tmp_path / "net.bin").read_bytes())
    before[3] ^= 1
    (tmp_path / "net.bin").write_bytes(before)
    assert open_source(path).fingerprint != first.fingerprint
    (tmp_path / "net.bin").unlink()
    with pytest.raises(GanevalError, match="cannot be read as ONNX"):
        open_source(path)


def test_weights_outside_the_folder_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    path = linear(tmp_path / "inner/net.onnx", save_as_external_data=True, location="net.bin", size_threshold=0)
    (tmp_path / "inner/net.bin").rename(tmp_path / "net.bin")
    model = onnx.load(str(path), load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            entry.value = "../net.bin" if entry.key == "location" else entry.value
    path.write_bytes(model.SerializeToString())
    with pytest.raises(GanevalError, match="cannot be read as ONNX"):
        open_source(path)


def test_damaged_files_foreign_operators_and_many_outputs(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no graph")
    with pytest.raises(GanevalError, match="cannot be read as ONNX"):
        open_source(tmp_path / "text.onnx")
    foreign = onnx.helper.make_node("Evil", ["z"], ["image"], domain="somewhere")
    inputs, output = [value("z", "FLOAT", "n", 8)], value("image", "FLOAT", "n", 3, 4, 4)
    with pytest.raises(GanevalError, match=r"onnxruntime .* cannot run"):
        open_source(save(tmp_path / "foreign.onnx", [foreign], inputs, [output]))
    nodes = [onnx.helper.make_node("Tanh", ["z"], ["a"]), onnx.helper.make_node("Tanh", ["z"], ["b"])]
    outputs = [value("a", "FLOAT", "n", 8), value("b", "FLOAT", "n", 8)]
    with pytest.raises(GanevalError, match="has inputs z and outputs a, b; expected latents"):
        open_source(save(tmp_path / "two.onnx", nodes, inputs, outputs))


def test_without_onnxruntime_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = linear(tmp_path / "net.onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(GanevalError, match=r"needs onnxruntime: pip install 'ganeval\[onnx\]'"):
        open_source(path)
