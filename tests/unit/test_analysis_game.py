"""The game on a line: its integrals against closed forms, and a few steps of it."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from scipy.special import ndtri

from ganeval.analysis.game import Game, play
from ganeval.analysis.game_run import keeper, replay
from ganeval.analysis.line import Normal, between
from ganeval.analysis.start import pulls
from ganeval.cli.main import ganeval as ganeval_command
from ganeval.errors import GanevalError
from ganeval.testing.truth import pair

Z = np.linspace(-1, 1, 4001)


def test_a_generator_that_draws_a_shifted_gaussian_has_its_divergences() -> None:
    known = pair("shift").known
    made = 1.5 + ndtri(np.clip((Z + 1) / 2, 1e-7, 1 - 1e-7))
    at = between(Normal(0, 1), made, lambda x: 1.5**2 / 2 - 1.5 * x)
    found = at.divergences()
    assert found["js"] == pytest.approx(known["js"].value, abs=1e-3)
    assert found["tv"] == pytest.approx(known["tv"].value, abs=1e-3)
    assert found["kl_reverse"] == pytest.approx(1.125, abs=2e-3)
    assert at.w1() == pytest.approx(1.5, abs=1e-3)
    assert at.told() == pytest.approx(known["js"].value, abs=1e-3)  # this D is D*
    assert at.accuracy() == pytest.approx((1 + known["tv"].value) / 2, abs=1e-3)
    inside = np.abs(at.middles - 0.75) < 2
    assert np.abs(at.best() - at.judge())[inside].max() < 0.02


def test_a_straight_generator_draws_a_uniform_and_folding_it_changes_nothing() -> None:
    wanted = -math.log(4) + math.log(2 * math.pi) / 2 + 4 / 6  # KL of uniform on [-2, 2] from N(0, 1)
    for made in (2 * Z, 4 * np.abs(Z) - 2):
        at = between(Normal(0, 1), made, lambda x: np.zeros_like(x))
        assert at.divergences()["kl_reverse"] == pytest.approx(wanted, abs=1e-3)
        assert at.generated[np.abs(at.middles) < 1.9] == pytest.approx(0.25, rel=1e-6)
        assert at.told() == pytest.approx(0, abs=1e-6)
        assert at.accuracy() == pytest.approx(0.5, abs=1e-6)


def test_a_collapsed_generator_has_all_finite_numbers() -> None:
    at = between(Normal(0, 1), np.full(4001, 9.0), lambda x: -x)
    assert at.divergences()["js"] == pytest.approx(math.log(2), abs=1e-3)
    assert at.w1() == pytest.approx(9, abs=1e-2)
    assert np.isfinite(at.generated).all()


def test_a_few_steps_are_the_same_again_and_let_what_is_drawn_move() -> None:
    game = Game(steps=4, snapshots=(0, 2, 9), measure_every=3, discriminator_steps=1, batch_size=16)
    one, two = play(game, samples=30), play(game, samples=30)
    assert [at.step for at in one.measured] == [0, 2, 3, 4]
    assert [at.step for at in one.snapshots] == [0, 2, 4]
    assert one.measured == two.measured
    assert one.samples[4].shape == (30, 1)
    first, last = one.snapshots[0], one.snapshots[-1]
    assert not np.array_equal(first.made, last.made)
    assert not np.array_equal(first.judge, last.judge)


def test_minimax_falls_behind_while_the_discriminator_learns() -> None:
    start, later = pulls(Game(batch_size=64), (0, 150))
    assert later.accuracy > 0.95 > start.accuracy
    assert start.nonsaturating < 1.5 * start.minimax  # D is 1/2, where both slopes are
    assert later.nonsaturating > 10 * later.minimax
    assert later.fake < 0.1


def test_a_game_from_the_command_line(tmp_path: Path) -> None:
    given = ["analyze", "game", "--steps", "3", "--shown", "0", "--samples", "50", "--json", "--out", str(tmp_path)]
    result = CliRunner().invoke(ganeval_command, given, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert [game["settings"]["loss"] for game in found["games"]] == ["nonsaturating", "minimax"]
    assert [at["step"] for at in found["seen"]] == [0, 3]
    assert (tmp_path / "index.html").read_text().count("data:image/png;base64,") == 3


def test_a_kept_game_is_seen_again_as_it_was_played(tmp_path: Path) -> None:
    game = Game(steps=5, snapshots=(0, 3), measure_every=2, discriminator_steps=1, batch_size=16, mean=1.0)
    played = play(game, samples=30, keep=keeper(tmp_path / "run", game))
    again = replay(tmp_path / "run", (0, 3), samples=30)
    assert again.game == replace(played.game, snapshots=(0, 3, 5))
    assert again.measured == played.measured
    assert [at.step for at in again.snapshots] == [0, 3, 5]
    assert np.array_equal(again.snapshots[1].judge, played.snapshots[1].judge)
    assert torch.equal(again.samples[5], played.samples[5])
    assert [at.step for at in replay(tmp_path / "run", (4, 9)).snapshots] == [4, 5]  # the nearest that were kept
    with pytest.raises(GanevalError, match="not empty"):
        keeper(tmp_path / "run", game)


def test_what_is_no_game_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GanevalError, match="holds no game on a line"):
        replay(tmp_path, (0,))
    (tmp_path / "step-00000001.json").write_text("{}")
    with pytest.raises(GanevalError, match="run on images"):
        replay(tmp_path, (0,))
    (tmp_path / "game.json").write_text('{"schema": "ganeval/game/1", "steps": "many"}')
    with pytest.raises(GanevalError, match="cannot be read"):
        replay(tmp_path, (0,))
    (tmp_path / "game.json").write_text('{"schema": "ganeval/game/1"}')
    with pytest.raises(GanevalError, match="no step-"):
        replay(tmp_path, (0,))
    (tmp_path / "step-00000001.safetensors").write_bytes(b"nothing")
    with pytest.raises(GanevalError, match="no networks"):
        replay(tmp_path, (0,))


def test_a_run_from_the_command_line(tmp_path: Path) -> None:
    run, out = str(tmp_path / "run"), tmp_path / "out"
    given = ["analyze", "game", "--steps", "3", "--shown", "0", "--samples", "50", "--json"]
    played = json.loads(CliRunner().invoke(ganeval_command, [*given, "--save", run], catch_exceptions=False).stdout)
    look = ["analyze", "game", run, "--shown", "0", "--samples", "50", "--json"]
    result = CliRunner().invoke(ganeval_command, [*look, "--out", str(out)], catch_exceptions=False)
    found = json.loads(result.stdout)
    assert found["games"][0]["measured"] == played["games"][0]["measured"]
    assert (found["seen"], found["start"], len(found["games"])) == (played["seen"], played["start"], 1)
    assert (out / "index.html").read_text().count("data:image/png;base64,") == 3
    with pytest.raises(GanevalError, match="--mean: RUN was played already"):
        CliRunner().invoke(ganeval_command, [*look, "--mean", "2"], catch_exceptions=False)
