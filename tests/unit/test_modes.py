"""benchmarks/modes.py: figures of samples known in advance, and runs of a few steps from end to end."""

from __future__ import annotations

import importlib.util
import json
import math
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

from benchmarks.zoo import collapse

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("modes", ROOT / "benchmarks" / "modes.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_mixture_itself_has_every_mode(script: ModuleType) -> None:
    drawn = script.judged(script.points(20_000, torch.Generator().manual_seed(0)))
    assert (drawn["modes"], drawn["solid_modes"]) == (25, 25)
    assert drawn["quality"] == pytest.approx(1 - math.exp(-4.5), abs=0.003)
    assert drawn["kl"] == pytest.approx(0, abs=0.002)
    assert drawn["js"] == pytest.approx(0, abs=0.001)


def test_lost_modes_and_stray_samples_are_counted(script: ModuleType) -> None:
    centres = script.CENTRES
    samples = torch.cat([centres[:1].expand(96, 2), centres[1:2] + 2.9 * script.SIGMA * torch.tensor([1.0, 0.0])])
    samples = torch.cat([samples, centres[2:5] + torch.tensor([0.0, 3.1 * script.SIGMA])])
    found = script.judged(samples)
    assert (found["modes"], found["solid_modes"]) == (2, 2)  # a quarter of a share is one sample here
    assert found["quality"] == pytest.approx(0.97)
    shares = [0.96, 0.01, 0.01, 0.01, 0.01]
    assert found["kl"] == pytest.approx(sum(p * math.log(25 * p) for p in shares), rel=1e-6)


def test_divergences_of_one_mode(script: ModuleType) -> None:
    found = script.judged(script.CENTRES[:1].expand(50, 2))
    assert found["kl"] == pytest.approx(math.log(25))
    middle = [(1 + 0.04) / 2] + [0.02] * 24
    js = (math.log(1 / middle[0]) + 0.04 * math.log(0.04 / middle[0]) + 0.96 * math.log(2)) / 2
    assert found["js"] == pytest.approx(js)


def test_runs_are_the_same_again_and_are_not_repeated(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    threads = torch.get_num_threads()
    out = tmp_path / "modes"
    monkeypatch.setattr(sys, "argv", ["modes.py", "--steps", "2", "--seeds", "0", "1", "--out", str(out)])
    script.main()
    torch.set_num_threads(threads)
    assert capsys.readouterr().out.count("within 3 sigma") == 6
    files = sorted((out / "runs").iterdir())
    assert [file.name for file in files] == [
        f"{name}-{seed}.json" for name in sorted(script.OPTIONS) for seed in (0, 1)
    ]
    assert "| unrolled | 2 |" in (out / "README.md").read_text()
    section = collapse.tell(tmp_path)
    assert section is not None
    assert section.table is not None
    assert [row[:2] for row in section.table.rows] == [["gan", "2"], ["unrolled", "2"], ["wgan_gp", "2"]]
    assert collapse.tell(out) is None  # no such report there
    assert (out / "samples.png").stat().st_size > 10_000
    kept = json.loads(files[0].read_text())
    files[0].unlink()
    assert script.run("gan", 0, 2, out)["samples"] == kept["samples"]
    files[0].write_text(json.dumps(kept | {"quality": 0.5}))
    assert script.run("gan", 0, 2, out)["quality"] == 0.5  # read
    assert script.run("gan", 0, 3, out)["quality"] != 0.5  # other settings: made


def test_the_turns_are_the_recipes_own(script: ModuleType) -> None:
    recipe = script.make_recipe("wgan_gp", {"batch_size": 8, "latent": 2, "critic_steps": 3})
    state = script.train("wgan_gp", recipe, 0, 2)
    steps = {name: int(optimizer.state_dict()["state"][0]["step"]) for name, optimizer in state.optimizers.items()}
    assert steps == {"G": 2, "D": 6}
    assert state.step == 2


def test_untrained_samples_are_as_wide_as_the_data(script: ModuleType) -> None:
    recipe = script.make_recipe("unrolled", script.OPTIONS["unrolled"])
    drawn = script.samples(recipe, script.fresh("unrolled", recipe, 3), 3)
    assert drawn.std(0).mean().item() == pytest.approx(script.CENTRES.std(0).mean().item(), rel=0.1)
    assert drawn.mean(0).abs().max().item() < 0.2
