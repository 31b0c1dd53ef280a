"""Checkpoints: `step-00000500.safetensors` (tensors) beside `step-00000500.json` (all else). Loading executes nothing.

The JSON file carries the sha256 of the tensors and is written last, so a checkpoint exists wholly or not at all.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import ModuleDict

from ganeval import __version__
from ganeval.errors import GanevalError
from ganeval.files import replace_text, replacing
from ganeval.images.source import Images
from reference_models.feed import TrainingImages
from reference_models.recipe import DataSpec, Recipe
from reference_models.registry import make_recipe, recipe_name
from reference_models.seeds import sample_generator, seeded
from reference_models.state import State, build_networks, optimizer_settings, state_tensors, under

SCHEMA = "ganeval/checkpoint/1"
PATTERN = "step-*.json"
ROWS = 32
"""Samples are generated in batches of exactly this size: the last bit of a convolution depends on the batch's shape."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class DataRecord(_Strict):
    """The training images: for people, and to refuse resuming on others."""

    name: str
    fingerprint: str
    count: int
    source: DataRecord | None = None

    @classmethod
    def of(cls, data: TrainingImages) -> DataRecord:
        """Of training images, and of the images that are to be translated into them."""
        source = None if data.source is None else cls.of(data.source)
        return cls(name=data.name, fingerprint=data.fingerprint, count=len(data.pixels), source=source)


class Training(_Strict):
    """The settings that decide the weights' course, and must not change on resuming."""

    seed: int
    precision: Literal["fp32", "bf16"]
    ema_halflife_images: float


class Record(_Strict):
    """The JSON half of a checkpoint. `optimizers` holds what of the optimizers is not a tensor."""

    schema_: Literal["ganeval/checkpoint/1"] = Field(default="ganeval/checkpoint/1", alias="schema")
    recipe: str
    options: dict[str, Any]
    spec: DataSpec
    data: DataRecord
    training: Training
    step: int
    draws: int
    seconds: float
    optimizers: dict[str, Any]
    versions: dict[str, str]
    sha256: str
    tensors: list[str]


@dataclass(frozen=True)
class Checkpoint:
    """A trained model, ready to sample from.

    Attributes:
        nets: in evaluation mode, with averaged weights in place where they exist (unless raw ones were asked for).
        fingerprint: sha256 of the weights, and which of them are in place.
        info: the JSON half as plain data.
        path: the JSON file.
    """

    recipe: Recipe
    recipe_name: str
    spec: DataSpec
    step: int
    nets: ModuleDict
    fingerprint: str
    info: dict[str, Any]
    path: Path


def is_checkpoint(path: Path) -> bool:
    """True for a run folder that holds a checkpoint, and for either file of a checkpoint, renamed or not."""
    if path.is_dir():
        return bool(checkpoints(path))
    if path.suffix == ".json":
        return path.is_file() and (path.name.startswith("step-") or path.with_suffix(".safetensors").is_file())
    return path.suffix == ".safetensors" and path.is_file()


def checkpoints(run: Path) -> list[Path]:
    """The JSON files of a run's checkpoints, in the order of their steps."""
    return sorted(run.glob(PATTERN))


def save_checkpoint(
    run: Path, state: State, recipe: Recipe, spec: DataSpec, data: DataRecord, training: Training
) -> Path:
    """Write the state into the run folder; returns the JSON file."""
    path = run / f"step-{state.step:08d}.json"
    tensors = {key: value.detach().to("cpu", copy=True).contiguous() for key, value in state_tensors(state).items()}
    with replacing(path.with_suffix(".safetensors")) as temporary:
        save_file(tensors, temporary)
        sha256 = _sha256(temporary)
    record = Record(
        recipe=recipe_name(recipe),
        options=dataclasses.asdict(recipe),
        spec=spec,
        data=data,
        training=training,
        step=state.step,
        draws=state.draws,
        seconds=state.seconds,
        optimizers=optimizer_settings(state),
        versions={"ganeval": __version__, "torch": torch.__version__},
        sha256=sha256,
        tensors=sorted(tensors),
    )
    replace_text(path, json.dumps(record.model_dump(by_alias=True, mode="json"), indent=1) + "\n")
    return path


def remove_checkpoint(path: Path) -> None:
    """Delete both files, first the one that makes it a checkpoint."""
    path.unlink(missing_ok=True)
    path.with_suffix(".safetensors").unlink(missing_ok=True)


def remove_leftovers(run: Path) -> None:
    """Delete what a killed process left behind: half-written files, and tensors without their JSON file."""
    orphans = [file for file in run.glob("step-*.safetensors") if not file.with_suffix(".json").exists()]
    for file in [*run.glob(".step-*"), *orphans]:
        file.unlink(missing_ok=True)


def read_record(path: Path) -> tuple[Path, Record]:
    """The JSON file that `path` means (the newest of a run folder, or either file of a checkpoint) and its content."""
    file = _json_file(path)
    try:
        return file, Record.model_validate_json(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        beside = f": weights in {path.name} need the .json file that was saved with them" if path != file else ""
        raise GanevalError(f"no checkpoint at {file}{beside}: name a run folder or a step-*.json file") from None
    except (ValidationError, UnicodeDecodeError) as error:
        reason = _first(error) if isinstance(error, ValidationError) else "not text"
        raise GanevalError(
            f"{file} is not a checkpoint of schema {SCHEMA}: {reason}. Take another step, or train again"
        ) from None


def read_tensors(path: Path, record: Record, device: torch.device) -> dict[str, Tensor]:
    """The tensors that belong to the JSON file `path`, after their sha256 was compared."""
    file = path.with_suffix(".safetensors")
    if not file.is_file():
        raise GanevalError(f"{file} is missing: {path.name} needs it beside itself")
    if (found := _sha256(file)) != record.sha256:
        raise GanevalError(
            f"{file} is damaged or was changed: sha256 {found}, expected {record.sha256}. Take another step"
        )
    return load_file(file, str(device))


def load_checkpoint(path: Path, device: torch.device | str = "cpu", *, average: bool = True) -> Checkpoint:
    """Load a run folder's newest checkpoint, or the one whose file is named.

    Args:
        average: put the moving averages in place of the weights last trained, where there are any.

    Raises:
        GanevalError: nothing there, damaged, changed, of another schema, or of a recipe or option that is not known.
    """
    device = torch.device(device)
    file, record = read_record(path)
    recipe = make_recipe(record.recipe, record.options)
    tensors = read_tensors(file, record, device)
    nets = build_networks(recipe, record.spec, 0, device)
    weights = under("nets.", tensors) | (under("average.", tensors) if average else {})
    try:
        nets.load_state_dict(weights)
    except RuntimeError as error:
        raise GanevalError(
            f"the weights in {file} do not fit recipe '{record.recipe}' of this version: {error}"
        ) from None
    kind = "average" if average and recipe.averaged else "raw"
    return Checkpoint(
        recipe=recipe,
        recipe_name=record.recipe,
        spec=record.spec,
        step=record.step,
        nets=nets.eval(),
        fingerprint=f"{record.recipe}:{record.sha256}:{kind}",
        info=record.model_dump(by_alias=True, mode="json"),
        path=file,
    )


def generate_images(
    checkpoint: Checkpoint, indices: Sequence[int], seed: int, labels: Sequence[int] | None = None
) -> Images:
    """Samples number `indices` => uint8 (N, C, H, W) on the CPU, without the margin.

    Sample i depends on (weights, seed, i, its label) alone: never on which others are asked for, or how many.

    Args:
        labels: class of each sample; by default i % classes.
    """
    return render(checkpoint.recipe, checkpoint.nets, checkpoint.spec, indices, seed, labels)


def render(
    recipe: Recipe,
    nets: ModuleDict,
    spec: DataSpec,
    indices: Sequence[int],
    seed: int,
    labels: Sequence[int] | None = None,
) -> Images:
    """`generate_images` for networks in memory; they must be in evaluation mode."""
    chosen = [i % max(spec.classes, 1) for i in indices] if labels is None else list(labels)
    if len(chosen) != len(indices):
        raise GanevalError(f"{len(chosen)} labels for {len(indices)} samples: give one for each")
    device = device_of(nets)

    def make(places: list[int]) -> Tensor:
        z = torch.cat([recipe.latents(1, sample_generator(seed, indices[at])) for at in places]).to(device)
        return recipe.generate(nets, z, torch.tensor([chosen[at] for at in places], device=device))

    return in_rows(make, spec, indices, seed, device)


def device_of(nets: ModuleDict) -> torch.device:
    """Where the networks are."""
    device: torch.device = next(iter(nets.state_dict().values())).device
    return device


def in_rows(
    make: Callable[[list[int]], Tensor], spec: DataSpec, indices: Sequence[int], seed: int, device: torch.device
) -> Images:
    """Images number `indices`, made in batches of `ROWS` => uint8 (N, C, H, W) on the CPU, without the margin.

    Image i takes row i % ROWS of its batch, always, and torch's global generators start each batch from `seed`: so the
    company of an image changes nothing in it, noise inside the networks included.

    Args:
        make: `ROWS` places in `indices`, some perhaps repeated => float (ROWS, C, S, S) in [-1, 1].
    """
    inner = slice(spec.margin, spec.size - spec.margin)
    images = torch.empty(
        len(indices), spec.channels, spec.size - 2 * spec.margin, spec.size - 2 * spec.margin, dtype=torch.uint8
    )
    for rows in _row_batches(indices):
        with torch.inference_mode(), seeded(device, seed, "render"):
            pixels = make(_filled(rows)).float()[..., inner, inner]
        made = ((pixels + 1) * 127.5).round().clamp(0, 255).to("cpu", torch.uint8)
        images[list(rows.values())] = made[list(rows)]
    return images


def draw_latents(checkpoint: Checkpoint, indices: Sequence[int], seed: int) -> Tensor:
    """The latents of samples number `indices`, (n, ...) on the CPU."""
    return torch.cat([checkpoint.recipe.latents(1, sample_generator(seed, index)) for index in indices])


def paint(
    checkpoint: Checkpoint,
    latents: Tensor,
    labels: Tensor,
    seed: int,
    synthesis: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """Latents (n, ...) of classes (n,) => float32 (n, C, H, W) in [-1, 1] on the CPU, without the margin.

    Args:
        seed: of noise that the generator draws by itself, the same for every call.
        synthesis: the part of a generator that takes these latents, where they are not the recipe's own.
    """
    device = device_of(checkpoint.nets)
    inner = slice(checkpoint.spec.margin, checkpoint.spec.size - checkpoint.spec.margin)
    with torch.inference_mode(), seeded(device, seed, "render"):
        if synthesis is not None:
            made = synthesis(latents.to(device))
        else:
            made = checkpoint.recipe.generate(checkpoint.nets, latents.to(device), labels.to(device))
    return made.float()[..., inner, inner].cpu()


def _row_batches(indices: Sequence[int]) -> Iterator[dict[int, int]]:
    """Split positions of `indices` into batches {row: position}, where sample i always takes row i % ROWS."""
    rows: dict[int, int] = {}
    for position, index in enumerate(indices):
        if index % ROWS in rows:
            yield rows
            rows = {}
        rows[index % ROWS] = position
    if rows:
        yield rows


def _filled(rows: dict[int, int]) -> list[int]:
    """One position for every row; rows that nobody asked for repeat another's."""
    spare = next(iter(rows.values()))
    return [rows.get(row, spare) for row in range(ROWS)]


def _json_file(path: Path) -> Path:
    if not path.is_dir():
        return path.with_suffix(".json")
    found = checkpoints(path)
    if not found:
        raise GanevalError(f"{path} holds no checkpoint (step-*.json): name the folder given to `ganeval train --out`")
    return found[-1]


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
