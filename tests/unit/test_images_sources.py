"""Folders, archives and array files: one order, one set of pixels, whatever the container."""

from __future__ import annotations

import gzip
import io
import os
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

from ganeval.errors import GanevalError, ImageError
from ganeval.images import ImageSource, Opening, Selection, Subset, open_images
from ganeval.images.arrays import ArraySource
from ganeval.images.encoded import classes_by_folder

Pixels = npt.NDArray[np.uint8]


def random_pixels(count: int = 12, channels: int = 3, height: int = 6, width: int = 5) -> Pixels:
    return np.random.default_rng(1).integers(0, 256, (count, channels, height, width), dtype=np.uint8)


def png(pixels: Pixels) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)).save(file, "PNG")
    return file.getvalue()


def named(pixels: Pixels) -> dict[str, bytes]:
    """Two classes; names whose natural, byte and disk orders differ."""
    names = sorted(f"{'cat' if i % 3 else 'dog'}/deep/{i}.png" for i in range(len(pixels)))
    return {name: png(one) for name, one in zip(names, pixels)}


def open_source(location: object, **options: object) -> ImageSource:
    source = open_images(str(location), Opening(**options))  # type: ignore[arg-type]
    assert isinstance(source, ImageSource)
    return source


def all_pixels(source: ImageSource, size: int = 5) -> torch.Tensor:
    return torch.cat(list(source.batches(size)))


def write_folder(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def write_zip(path: Path, files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("cat/", b"")
        for name, content in reversed(files.items()):
            archive.writestr(name, content)
    return path


def write_tar(path: Path, files: dict[str, bytes], mode: str, prefix: str = "") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in reversed(files.items()):
            member = tarfile.TarInfo(prefix + name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def write_idx(path: Path, array: Pixels, kind: int = 8) -> Path:
    content = bytes([0, 0, kind, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def containers(folder: Path, pixels: Pixels) -> Iterator[Path]:
    files = named(pixels)
    yield write_folder(folder / "folder", files)
    yield write_zip(folder / "deflated.zip", files)
    yield write_zip(folder / "stored.ZIP", files, zipfile.ZIP_STORED)
    yield write_tar(folder / "plain.tar", files, "w", prefix="./")
    yield write_tar(folder / "a.tar.gz", files, "w:gz")
    yield write_tar(folder / "a.tgz", files, "w:gz")
    yield write_tar(folder / "a.tar.xz", files, "w:xz")
    yield write_tar(folder / "a.tar.bz2", files, "w:bz2")


def arrays(folder: Path, pixels: Pixels) -> Iterator[Path]:
    np.save(folder / "nchw.npy", pixels)
    np.save(folder / "nhwc.npy", pixels.transpose(0, 2, 3, 1))
    np.savez(folder / "arr0.npz", pixels)
    np.savez_compressed(folder / "named.npz", images=pixels.transpose(0, 2, 3, 1))
    yield from (folder / name for name in ("nchw.npy", "nhwc.npy", "arr0.npz", "named.npz"))


def test_every_container_gives_the_same_pixels(tmp_path: Path) -> None:
    pixels = random_pixels()
    locations = [*containers(tmp_path, pixels), *arrays(tmp_path, pixels)]
    assert len(locations) == 12
    for location in locations:
        source = open_source(location)
        assert len(source) == 12
        np.testing.assert_array_equal(all_pixels(source).numpy(), pixels, err_msg=str(location))


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_a_folder_in_an_archive_is_a_set_of_its_own(tmp_path: Path, kind: str) -> None:
    files = {f"set/train/{name}": content for name, content in named(random_pixels()).items()}
    files |= {f"set/training/{name}": content for name, content in named(random_pixels(height=7)).items()}
    path = tmp_path / f"a.{kind}"
    archive = write_zip(path, files) if kind == "zip" else write_tar(path, files, f"w:{kind[4:]}", prefix="./")
    folder = write_folder(tmp_path / "files", files)
    found = open_source(archive / "set" / "train")
    expected = open_source(folder / "set" / "train")
    assert found.name == str(archive / "set" / "train")
    assert found.fingerprint == expected.fingerprint
    np.testing.assert_array_equal(all_pixels(found).numpy(), all_pixels(expected).numpy())
    with pytest.raises(ImageError, match=r"no images in .*/set/trainin:"):
        open_source(archive / "set" / "trainin")


def test_fingerprints_speak_of_content_alone(tmp_path: Path) -> None:
    pixels = random_pixels()
    encoded = {open_source(location).fingerprint for location in containers(tmp_path, pixels)}
    raw = {open_source(location).fingerprint for location in arrays(tmp_path, pixels)}
    assert len(encoded) == len(raw) == 1
    folder = tmp_path / "folder"
    for file in folder.rglob("*.png"):
        os.utime(file, (1, 1))
    assert {open_source(folder).fingerprint} == encoded
    changed = next(folder.rglob("*.png"))
    changed.write_bytes(changed.read_bytes() + b"\0")
    assert {open_source(folder).fingerprint} != encoded


def test_array_fingerprints_notice_pixels_shape_and_labels() -> None:
    pixels = random_pixels()
    other = pixels.copy()
    other[7, 1, 2, 3] ^= 1
    labels = np.arange(12) % 2
    made = [
        ArraySource("a", pixels),
        ArraySource("a", other),
        ArraySource("a", pixels.reshape(12, 3, 5, 6)),
        ArraySource("a", pixels, labels),
        ArraySource("a", pixels, 1 - labels),
    ]
    assert len({source.fingerprint for source in made}) == 5
    assert ArraySource("b", pixels.copy()).fingerprint == made[0].fingerprint


def test_class_folders_give_labels(tmp_path: Path) -> None:
    for location in containers(tmp_path, random_pixels()):
        labels = open_source(location).labels
        assert labels is not None
        assert labels.tolist() == [0] * 8 + [1] * 4


@pytest.mark.parametrize(
    ("files", "labels"),
    [
        (["1.png", "2.png"], None),
        (["a/1.png", "a/2.png"], None),
        (["a/1.png", "2.png"], None),
        (["b/1.png", "a/2.png"], [1, 0]),
        (["x/b/1.png", "x/a/2.png", "x/c/y/3.png"], [1, 0, 2]),
        (["ab/1.png", "ac/2.png"], [0, 1]),
        (["10/1.png", "9/1.png", "2/1.png"], [2, 1, 0]),
        (["10/1.png", "9/1.png", "b/1.png"], [0, 1, 2]),
    ],
)
def test_classes_by_folder(files: list[str], labels: list[int] | None) -> None:
    found = classes_by_folder(files)
    assert (None if found is None else found.labels.tolist()) == labels


def test_order_does_not_depend_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_folder(tmp_path / "folder", named(random_pixels()))
    before = open_source(folder)
    expected, fingerprint = all_pixels(before), before.fingerprint
    true_scandir = os.scandir

    class Reversed:
        def __init__(self, path: str) -> None:
            with true_scandir(path) as entries:
                self.entries = iter(sorted(entries, key=lambda entry: entry.name, reverse=True))

        def __iter__(self) -> Iterator[os.DirEntry[str]]:
            return self.entries

        def __next__(self) -> os.DirEntry[str]:
            return next(self.entries)

        def __enter__(self) -> Reversed:
            return self

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(os, "scandir", Reversed)
    assert next(os.walk(folder))[1] == ["dog", "cat"]  # the disk does list in another order now
    after = open_source(folder)
    assert torch.equal(all_pixels(after), expected)
    assert after.fingerprint == fingerprint


def test_batches_are_full_and_complete_at_any_size(tmp_path: Path) -> None:
    pixels = random_pixels()
    source = open_source(write_folder(tmp_path, named(pixels)))
    for size in (1, 5, 12, 100):
        batches = list(source.batches(size))
        assert [len(batch) for batch in batches[:-1]] == [size] * (len(batches) - 1)
        np.testing.assert_array_equal(torch.cat(batches).numpy(), pixels)


def test_a_change_of_shape_starts_a_new_batch(tmp_path: Path) -> None:
    shapes = [(3, 4, 4), (3, 4, 4), (1, 4, 4), (3, 5, 4), (3, 5, 4), (3, 4, 4)]
    pixels = [random_pixels(1, *shape)[0] for shape in shapes]
    source = open_source(write_folder(tmp_path, {f"{i}.png": png(one) for i, one in enumerate(pixels)}))
    batches = list(source.batches(4))
    assert [tuple(batch.shape) for batch in batches] == [
        (2, 3, 4, 4),
        (1, 1, 4, 4),
        (1, 3, 5, 4),
        (1, 3, 5, 4),
        (1, 3, 4, 4),
    ]
    for one, expected in zip([image for batch in batches for image in batch], pixels):
        np.testing.assert_array_equal(one.numpy(), expected)


def test_read_takes_indices_in_any_order(tmp_path: Path) -> None:
    pixels = random_pixels()
    for location in [*containers(tmp_path, pixels), *arrays(tmp_path, pixels)]:
        read = torch.cat(list(open_source(location).read([7, 0, 7, 11])))
        np.testing.assert_array_equal(read.numpy(), pixels[[7, 0, 7, 11]])


def test_other_files_are_ignored(tmp_path: Path) -> None:
    pixels = random_pixels(3)
    extra = dict.fromkeys(["notes.txt", ".hidden.png", ".cache/1.png", "__MACOSX/._1.png", "a/Thumbs.db"], b"nothing")
    files = {f"a/{i}.PNG": png(one) for i, one in enumerate(pixels)} | extra
    for location in (write_folder(tmp_path / "f", files), write_zip(tmp_path / "z.zip", files)):
        np.testing.assert_array_equal(all_pixels(open_source(location)).numpy(), pixels)


def test_linked_folders_are_followed_and_loops_end(tmp_path: Path) -> None:
    real = write_folder(tmp_path / "real", {"1.png": png(random_pixels(1)[0])})
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "linked").symlink_to(real)
    (real / "back").symlink_to(tmp_path / "set")
    assert len(open_source(tmp_path / "set")) == 1


@pytest.mark.parametrize("name", ["folder", "a.zip", "a.tar", "a.tar.gz"])
def test_nothing_to_read_is_said(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    writers: dict[str, Callable[[], object]] = {
        "folder": lambda: write_folder(path, {"readme.md": b"hello"}),
        "a.zip": lambda: write_zip(path, {"readme.md": b"hello"}),
        "a.tar": lambda: write_tar(path, {"readme.md": b"hello"}, "w"),
        "a.tar.gz": lambda: write_tar(path, {"readme.md": b"hello"}, "w:gz"),
    }
    writers[name]()
    with pytest.raises(ImageError, match=r"no images in .*\.png"):
        open_source(path)


def damaged(pixels: Pixels) -> dict[str, bytes]:
    files = named(pixels)
    files["cat/deep/11.png"] = files["cat/deep/11.png"][:60]
    files["dog/deep/3.png"] = b"text"
    return files


def test_a_bad_image_fails_by_its_name(tmp_path: Path) -> None:
    source = open_source(write_folder(tmp_path, damaged(random_pixels())))
    with pytest.raises(ImageError, match=r"11\.png cannot be decoded"):
        list(source.batches(4))


@pytest.mark.parametrize("kind", ["folder", "zip", "tar", "tgz"])
def test_bad_images_are_left_out_when_asked(tmp_path: Path, kind: str) -> None:
    pixels = random_pixels()
    files = damaged(pixels)
    location = {
        "folder": lambda: write_folder(tmp_path / "f", files),
        "zip": lambda: write_zip(tmp_path / "a.zip", files),
        "tar": lambda: write_tar(tmp_path / "a.tar", files, "w"),
        "tgz": lambda: write_tar(tmp_path / "a.tgz", files, "w:gz"),
    }[kind]()
    source = open_source(location, on_bad_image="skip")
    assert source.skipped == ["cat/deep/11.png", "dog/deep/3.png"]
    kept = [i for i, name in enumerate(files) if name not in source.skipped]
    assert len(source) == len(kept) == 10
    np.testing.assert_array_equal(all_pixels(source).numpy(), pixels[kept])
    assert source.labels is not None
    assert source.labels.tolist() == [int(name.startswith("dog")) for name in files if name not in source.skipped]
    assert open_source(location, on_bad_image="skip", num_samples=4).skipped == source.skipped


def test_classes_keep_their_numbers_when_others_are_damaged(tmp_path: Path) -> None:
    good = png(random_pixels(1)[0])
    folder = write_folder(tmp_path, {"a/1.png": b"bad", "b/1.png": good, "c/1.png": good})
    labels = open_source(folder, on_bad_image="skip").labels
    assert labels is not None
    assert labels.tolist() == [1, 2]


def test_only_bad_images_is_an_error(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, {"1.png": b"bad", "2.png": b"worse"})
    with pytest.raises(ImageError, match="none of its 2 image files can be decoded"):
        open_source(folder, on_bad_image="skip")


def test_a_file_that_vanishes_is_named(tmp_path: Path) -> None:
    source = open_source(write_folder(tmp_path, named(random_pixels())))
    (tmp_path / "cat" / "deep" / "1.png").unlink()
    with pytest.raises(ImageError, match=r"1\.png cannot be read"):
        list(source.batches(4))


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.npz", "a.npy", "a-ubyte", "a-ubyte.gz"])
@pytest.mark.parametrize("content", [b"", b"garbage, not a container", b"\x1f\x8b\x08garbage", b"PK\x03\x04 cut"])
def test_damaged_containers_are_user_errors(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ImageError, match=name):
        open_source(path)


def test_a_password_protected_zip_is_a_user_error(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"1.png": png(random_pixels(1)[0])})
    content = bytearray(path.read_bytes())
    content[content.rindex(b"PK\x01\x02") + 8] |= 1  # the flag "encrypted" in the central directory
    first = content.index(b"PK\x03\x04", 1)
    content[first + 6] |= 1
    path.write_bytes(content)
    with pytest.raises(ImageError, match=r"1\.png cannot be read: .*password"):
        list(open_source(path).batches(1))


def test_arrays_are_never_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "a.npz", np.array([{"a": 1}], dtype=object))
    for name in ("a.npy", "a.npz"):
        with pytest.raises(ImageError, match=name):
            open_source(tmp_path / name)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((4, 3, 32, 3), np.uint8), "either its second or its last axis"),
        (np.zeros((4, 1, 32, 3), np.uint8), "either its second or its last axis"),
        (np.zeros((4, 8, 32, 4), np.uint8), "no axis has 1 or 3 channels"),
        (np.zeros((4, 3, 8, 8), np.float32), "holds float32 values of unknown range"),
        (np.zeros((4, 64), np.uint8), "use features:"),
        (np.zeros((32, 32, 3), np.uint8), "a single image"),
        (np.zeros(4, np.uint8), r"has shape \(4,\)"),
        (np.zeros((0, 3, 8, 8), np.uint8), "holds no images"),
    ],
)
def test_arrays_of_other_shapes_and_types_are_refused(tmp_path: Path, array: Pixels, message: str) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(ImageError, match=message):
        open_source(tmp_path / "a.npy")


def test_three_axes_are_grey_images(tmp_path: Path) -> None:
    pixels = random_pixels(4, 1)
    np.save(tmp_path / "a.npy", pixels[:, 0])
    np.testing.assert_array_equal(all_pixels(open_source(tmp_path / "a.npy")).numpy(), pixels)


def test_npz_with_several_arrays_needs_arr_0(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", fakes=random_pixels(), mu=np.zeros(3))
    with pytest.raises(ImageError, match="holds fakes, mu; expected arr_0"):
        open_source(tmp_path / "a.npz")


def test_uncompressed_npz_is_mapped_not_loaded(tmp_path: Path) -> None:
    pixels = np.asfortranarray(random_pixels())
    np.savez(tmp_path / "stored.npz", first=np.zeros(7), arr_0=pixels)
    np.savez_compressed(tmp_path / "packed.npz", pixels)
    stored, compressed = (open_source(tmp_path / name) for name in ("stored.npz", "packed.npz"))
    assert isinstance(stored, ArraySource)
    assert isinstance(compressed, ArraySource)
    assert isinstance(stored.images, np.memmap)
    assert not isinstance(compressed.images, np.memmap)
    for source in (stored, compressed):
        np.testing.assert_array_equal(all_pixels(source).numpy(), pixels)


def test_npz_labels_in_arr_1(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", random_pixels(), np.arange(12) % 4)
    labels = open_source(tmp_path / "a.npz").labels
    assert labels is not None
    assert labels.tolist() == [0, 1, 2, 3] * 3


@pytest.mark.parametrize("name", ["x-images-idx3-ubyte", "x-images-idx3-ubyte.gz", "x-images.idx"])
def test_idx(tmp_path: Path, name: str) -> None:
    pixels = random_pixels(6, 1)
    write_idx(tmp_path / name, pixels[:, 0])
    source = open_source(tmp_path / name)
    assert source.labels is None
    np.testing.assert_array_equal(all_pixels(source).numpy(), pixels)


def test_idx_labels_beside_the_images(tmp_path: Path) -> None:
    write_idx(tmp_path / "t-images-idx3-ubyte.gz", random_pixels(6, 1)[:, 0])
    write_idx(tmp_path / "t-labels-idx1-ubyte", np.arange(6, dtype=np.uint8))
    labels = open_source(tmp_path / "t-images-idx3-ubyte.gz").labels
    assert labels is not None
    assert labels.tolist() == [0, 1, 2, 3, 4, 5]
    write_idx(tmp_path / "t-labels-idx1-ubyte", np.arange(5, dtype=np.uint8))
    with pytest.raises(ImageError, match="6 images but 5 labels"):
        open_source(tmp_path / "t-images-idx3-ubyte.gz")


def test_idx_faults(tmp_path: Path) -> None:
    path = write_idx(tmp_path / "a-ubyte", random_pixels(2, 1)[:, 0], kind=13)
    with pytest.raises(ImageError, match="type 0x0d; only uint8"):
        open_source(path)
    write_idx(path, random_pixels(2, 1)[:, 0])
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ImageError, match="promises 60 bytes, 59 follow"):
        open_source(path)


def test_subset_is_a_function_of_its_seed() -> None:
    source = ArraySource("a", random_pixels(50, 1), np.arange(50))
    first, again, other = Subset(source, 20, 3), Subset(source, 20, 3), Subset(source, 20, 4)
    assert first.indices.tolist() == again.indices.tolist() == sorted(set(first.indices.tolist()))
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert first.labels is not None
    np.testing.assert_array_equal(first.labels, first.indices)
    np.testing.assert_array_equal(all_pixels(first, 7).numpy(), source.images[first.indices])
    assert first.indices.max() > 25  # not the first N


def test_subset_of_everything_is_the_source_itself() -> None:
    source = ArraySource("a", random_pixels())
    assert Subset(source, 12, 7).fingerprint == source.fingerprint


@pytest.mark.parametrize("count", [0, -1, 13])
def test_subset_says_how_many_there_are(count: int) -> None:
    with pytest.raises(ImageError, match="has 12: ask for 1 to 12"):
        Subset(ArraySource("a", random_pixels()), count, 0)


def test_part_of_a_part_is_a_part(tmp_path: Path) -> None:
    pixels = random_pixels()
    source = open_source(write_folder(tmp_path, named(pixels)))
    nested = Selection(Selection(source, np.arange(2, 10)), np.array([1, 3]))
    direct = Selection(source, np.array([3, 5]))
    assert nested.fingerprint == direct.fingerprint
    np.testing.assert_array_equal(all_pixels(nested).numpy(), pixels[[3, 5]])


def test_a_sample_of_files_is_fingerprinted_without_reading_the_rest(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, named(random_pixels()))
    sample = open_source(folder, num_samples=3)
    assert isinstance(sample, Subset)
    expected = sample.fingerprint
    left_out = sorted(set(range(12)) - set(sample.indices.tolist()))[0]
    (folder / sorted(named(random_pixels()))[left_out]).unlink()
    (folder / sorted(named(random_pixels()))[left_out]).write_bytes(b"changed")
    assert open_source(folder, num_samples=3).fingerprint == expected


@pytest.mark.parametrize("location", ["nowhere", "nowhere/at/all.zip", "C:\\images", "dataset"])
def test_an_unknown_location_lists_what_is_possible(location: str) -> None:
    with pytest.raises(GanevalError, match=r"(?s)nothing found at .*\.zip.*dataset:NAME.*features:FILE"):
        open_images(location)


def test_a_file_of_another_kind_lists_what_is_possible(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1,2")
    with pytest.raises(GanevalError, match=r"(?s)of no kind that can be opened.*\.npz"):
        open_images(tmp_path / "a.csv")
