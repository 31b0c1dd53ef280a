"""Names of extractors and taps: what is understood, what is refused, and how a new file is found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import ganeval.extractors
from ganeval.errors import GanevalError
from ganeval.extractors import Tap, extractor, known_extractors, load_extractor, parse_tap
from ganeval.extractors import registry as registry_module


@pytest.mark.parametrize(
    ("text", "name", "layer"),
    [
        ("inception", "inception", "pool"),
        ("inception.768", "inception", "768"),
        ("inception.logits_unbiased", "inception", "logits_unbiased"),
        ("efficientnet_lite0_224", "efficientnet_lite0_224", "pool"),
        ("pixels", "pixels", "flat"),
        ("pixels:16", "pixels:16", "flat"),
        ("pixels:16.flat", "pixels:16", "flat"),
        ("timm:resnet18", "timm:resnet18", "pool"),
        ("timm:resnet18.logits", "timm:resnet18", "logits"),
        ("timm:vit_small_patch14_dinov2.lvd142m", "timm:vit_small_patch14_dinov2.lvd142m", "pool"),
        ("timm:vit_small_patch14_dinov2.lvd142m.logits", "timm:vit_small_patch14_dinov2.lvd142m", "logits"),
        ("discriminator:runs/v1.2", "discriminator:runs/v1.2", "last"),
        ("discriminator:runs/v1.2.layer3", "discriminator:runs/v1.2", "layer3"),
        ("discriminator:C:\\runs\\one.last", "discriminator:C:\\runs\\one", "last"),
        ("my.package:net", "my.package:net", "output"),
        ("my.package:net.inner.output", "my.package:net.inner", "output"),
    ],
)
def test_taps(text: str, name: str, layer: str) -> None:
    tap = parse_tap(text)
    assert tap == Tap(name, layer)
    assert parse_tap(str(tap)) == tap


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("incepton", "did you mean 'inception'"),
        ("inception.pol", "unknown layer of inception 'pol': did you mean 'pool'"),
        ("inception.", "unknown layer of inception"),
        ("inception:pool", "takes nothing after a colon"),
        ("timm", "write timm:NAME"),
        ("timm:", "write timm:NAME"),
        ("module", "MODULE:CALLABLE"),
        ("pixels:", r"write pixels\[:SIZE\]"),
        ("", "unknown features ''"),
    ],
)
def test_names_that_mean_nothing(text: str, message: str) -> None:
    with pytest.raises(GanevalError, match=message):
        parse_tap(text)


def test_a_new_file_is_found_without_an_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "brightness.py").write_text(
        "from ganeval.extractors import extractor\n"
        "from ganeval.extractors.pixels import Pixels\n"
        "@extractor('brightness', layers=('flat',), default='flat', summary='one pixel')\n"
        "def load(setup):\n"
        "    return Pixels(1, setup.device)\n"
    )
    monkeypatch.setattr(ganeval.extractors, "__path__", [*ganeval.extractors.__path__, str(tmp_path)])
    monkeypatch.setattr(registry_module, "_ENTRIES", dict(registry_module._ENTRIES))
    assert known_extractors()["brightness"].summary == "one pixel"
    assert load_extractor("brightness").widths == {"flat": 3}


def test_a_name_belongs_to_one_file() -> None:
    known_extractors()
    with pytest.raises(ValueError, match="is defined in"):
        extractor("pixels", layers=("flat",), default="flat", summary="again")(lambda setup: load_extractor("pixels"))


def test_the_default_is_one_of_the_layers() -> None:
    with pytest.raises(ValueError, match="default layer 'b'"):
        extractor("new", layers=("a",), default="b", summary="mistaken")


def test_listing_loads_no_network() -> None:
    code = (
        "import sys, ganeval.extractors as e; e.known_extractors();"
        "print(sorted({'timm', 'torchvision', 'reference_models'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_entries_say_how_they_are_written_and_whether_they_are_ready() -> None:
    known = known_extractors()
    usages = {entry.usage for entry in known.values()}
    assert {"inception", "timm:NAME", "pixels[:SIZE]", "MODULE:CALLABLE", "discriminator:RUN"} <= usages
    assert known["efficientnet_lite0"].available
    assert not known["timm"].available
