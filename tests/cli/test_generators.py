"""`ganeval score` and `ganeval sample` on generators from elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import Tensor, nn

from ganeval.cli.main import ganeval, main
from ganeval.scorecard import load_scorecard

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.* is deprecated")
REAL = "dataset:fashion-mnist-mini:test[0:200]"
PIXELS = ("--features", "pixels:8", "--metrics", "fd,kid")


class Net(nn.Module):
    """Conditional: blobs, whose brightness is the class."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.default_generator.manual_seed(0)
            self.linear = nn.Linear(16, 784)

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        made = self.linear(latents).view(-1, 1, 28, 28)
        return torch.sigmoid(made + labels.view(-1, 1, 1, 1) / 5)


@pytest.fixture
def net(tmp_path: Path) -> str:
    torch.jit.script(Net().eval()).save(str(tmp_path / "net.pt"))
    return str(tmp_path / "net.pt")


CALLING = ("--latent-dim", "16", "--num-classes", "10", "--output-range", "0,1")


def run(*arguments: str) -> str:
    result = CliRunner().invoke(ganeval, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def fails(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as left:
        main(list(arguments))
    assert left.value.code == 2
    return capsys.readouterr().err


def test_a_torchscript_generator_is_scored_from_file_to_card(net: str, tmp_path: Path) -> None:
    run("score", net, *CALLING, "--reference", REAL, *PIXELS, "--out", str(tmp_path / "card"))
    made = load_scorecard(tmp_path / "card")
    assert (made.fake.name, made.fake.count, made.fake.warnings) == (net, 200, [])
    assert (tmp_path / "card/samples.png").exists()
    # the same images as files get the same scores
    run("sample", net, *CALLING, "-n", "200", "--out", str(tmp_path / "made.npz"))
    by_file = json.loads(run("score", str(tmp_path / "made.npz"), "--reference", REAL, *PIXELS, "--json"))
    assert [score["value"] for score in by_file["scores"]] == [score.value for score in made.scores]


def test_batch_size_and_cache_change_nothing_and_the_law_of_latents_does(net: str) -> None:
    def value(*more: str) -> float:
        card = json.loads(run("score", net, *CALLING, "--reference", REAL, *PIXELS, *more, "--json"))
        return float(card["scores"][0]["value"])

    first = value("--batch-size", "7", "--no-cache")
    assert value() == pytest.approx(first, rel=1e-6)
    assert value("--batch-size", "33") == pytest.approx(first, rel=1e-6)
    assert len({value("--latent", "uniform"), value("--latent", "sphere"), value("--truncation", "0.5"), first}) == 4


def test_warnings_about_a_generator_reach_card_and_terminal(net: str, tmp_path: Path) -> None:
    calling = ("--latent-dim", "16", "--num-classes", "10")
    text = run("score", net, *calling, "--reference", REAL, *PIXELS, "--out", str(tmp_path / "card"))
    assert "give --output-range 0,1" in " ".join(text.split())
    assert "give --output-range 0,1" in load_scorecard(tmp_path / "card").fake.warnings[0]
    assert "give --output-range 0,1" in (tmp_path / "card/index.html").read_text()


def test_samples_of_one_class_or_of_all(net: str, tmp_path: Path) -> None:
    for name, more in {"all": (), "nine": ("--label", "9")}.items():
        run("sample", net, *CALLING, "-n", "20", "--out", str(tmp_path / f"{name}.npz"), *more)
    every, nine = (np.load(tmp_path / f"{name}.npz")["arr_0"] for name in ("all", "nine"))
    assert every.shape == (20, 28, 28, 1)
    assert np.array_equal(every[[9, 19]], nine[[9, 19]])
    assert (nine.mean(axis=(1, 2, 3))[:9] > every.mean(axis=(1, 2, 3))[:9]).all()
    assert "20 images of" in run("sample", net, *CALLING, "-n", "11", "--by-label", "--out", str(tmp_path / "by.npz"))
    with np.load(tmp_path / "by.npz") as sorted_out:
        assert np.array_equal(sorted_out["arr_0"], every)
        assert sorted_out["arr_1"].tolist() == [*range(10), *range(10)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("score", "{}", "--reference", REAL), "give --latent-dim"),
        (("score", "{}", "--reference", REAL, "--latent-dim", "x"), "expected a width such as 100"),
        (("score", "{}", "--reference", REAL, "--latent-dim", "16"), "give --num-classes"),
        (("score", "{}", "--reference", REAL, *CALLING, "--latent", "sfere"), "did you mean 'sphere'"),
        (("score", "{}", "--reference", REAL, *CALLING[:4], "--output-range", "0-1"), "did you mean '0,1'"),
        (("score", REAL, "--reference", REAL, "--latent-dim", "16"), "for generators from elsewhere"),
        (("sample", "{}", "--out", "x.png", *CALLING, "--label", "10"), "the model knows classes 0 to 9"),
        (("sample", "{}", "--out", "x.png", *CALLING, "--raw-weights"), "has one set of weights"),
        (("sample", REAL, "--out", "x.png"), "is no generator"),
    ],
)
def test_mistakes_end_in_one_message(
    net: str, arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert words in fails(capsys, *(argument.format(net) for argument in arguments))
