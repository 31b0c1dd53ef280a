"""A game on a line as a run folder: what was played (game.json), and the networks at each step that was looked at.

The recipe's own checkpoints are of images of 16 pixels and more. A game has a format of its own: tensors in
safetensors, all else in JSON; loading executes nothing.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch.nn import ModuleDict

from ganeval.analysis.game import CPU, Album, Game, Keep, Played, Watch, networks
from ganeval.errors import GanevalError
from ganeval.files import replace_text, replacing
from reference_models.checkpoint import is_checkpoint
from reference_models.seeds import seeded

SCHEMA = "ganeval/game/1"
_SETTINGS = "game.json"
_STEP = re.compile(r"step-(\d{8})\.safetensors")


def keeper(run: Path, game: Game) -> Keep:
    """Write what is played into an empty or new folder; what is returned adds the networks of a step.

    Raises:
        GanevalError: the folder holds something already.
    """
    if run.is_dir() and any(run.iterdir()):
        raise GanevalError(f"{run} is not empty: choose another folder for the game")
    settings = {"schema": SCHEMA, **dataclasses.asdict(game)}
    replace_text(run / _SETTINGS, json.dumps(settings, indent=1) + "\n")

    def keep(step: int, nets: ModuleDict) -> None:
        tensors = {name: value.detach().contiguous() for name, value in nets.state_dict().items()}
        with replacing(run / f"step-{step:08d}.safetensors") as path:
            save_file(tensors, path)

    return keep


def replay(run: Path, shown: Sequence[int], watch: Watch | None = None, *, samples: int = 0) -> Played:
    """The game in a folder of `keeper`, looked at again without training.

    Args:
        shown: steps to draw; of those that were not kept the nearest is. The last always is drawn.
        samples: generated samples of every picture.

    Raises:
        GanevalError: the folder holds no game, or networks that do not belong to one.
    """
    game, kept = read_game(run), _kept(run)
    nearest = {min(kept, key=lambda step: abs(step - wanted)) for wanted in shown} | {max(kept)}
    album = Album(dataclasses.replace(game, snapshots=tuple(sorted(nearest))), samples)
    with seeded(CPU, game.seed, "networks"):
        nets = networks()
    for place, (step, file) in enumerate(sorted(kept.items())):
        _load(nets, file)
        album.look(step, nets, drawn=step in nearest)
        if watch is not None:
            watch(place + 1, len(kept))
    return album.played()


def read_game(run: Path) -> Game:
    """What was played.

    Raises:
        GanevalError: there is no game, or one of another schema.
    """
    file = run / _SETTINGS
    if not file.is_file():
        image_run = "it is a run on images, and the figure is of scalars, whose densities are known. "
        raise GanevalError(
            f"{run} holds no game on a line ({_SETTINGS}): {image_run if is_checkpoint(run) else ''}Play one by "
            "`ganeval analyze game --save FOLDER`"
        )
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(settings, dict) or settings.pop("schema", None) != SCHEMA:
            raise GanevalError(f"{file} is not of schema {SCHEMA}: play the game again")
        return TypeAdapter(Game).validate_python(settings)
    except (ValidationError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise GanevalError(f"{file} cannot be read: {error}. Play the game again") from None


def _kept(run: Path) -> Mapping[int, Path]:
    """Files by step."""
    found = {int(match[1]): file for file in run.iterdir() if (match := _STEP.fullmatch(file.name))}
    if not found:
        raise GanevalError(f"{run} holds no step-*.safetensors: play the game again")
    return found


def _load(nets: ModuleDict, file: Path) -> None:
    try:
        nets.load_state_dict(load_file(file))
    except (RuntimeError, SafetensorError) as error:
        raise GanevalError(f"{file} holds no networks of a game on a line: {error}") from None
