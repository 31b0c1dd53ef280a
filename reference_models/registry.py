"""Recipes by name: every file in `gans/` is one, and its name is the recipe's name."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import fields
from types import ModuleType
from typing import TYPE_CHECKING, Any, get_type_hints

from ganeval.errors import GanevalError, unknown
from ganeval.options import parse_options
from reference_models import gans
from reference_models.recipe import Recipe

if TYPE_CHECKING:
    from reference_models.importers.imported import Importer

_IMPORTERS = "reference_models.importers"


def recipe_names() -> list[str]:
    """The names of all recipes, sorted. Imports none of them."""
    return sorted(found.name for found in pkgutil.iter_modules(gans.__path__) if not found.name.startswith("_"))


def recipes() -> dict[str, type[Recipe]]:
    """All recipes by name."""
    return {name: _recipe_class(name) for name in recipe_names()}


def recipe_name(recipe: Recipe) -> str:
    """The name under which a recipe is found: its file's."""
    return type(recipe).__module__.rpartition(".")[2]


def make_recipe(name: str, overrides: Mapping[str, Any] | None = None, *, small: bool = False) -> Recipe:
    """The recipe with its defaults, changed by `overrides`: typed values, or text as in `--set name=value`.

    Args:
        small: start from the options for two cores instead of the paper's; `overrides` still win.

    Raises:
        GanevalError: no such recipe or option, or a value that the option does not take.
    """
    if name not in recipe_names() + _imported_names():
        raise unknown("recipe", name, recipe_names())
    kind = _recipe_class(name)
    hints = get_type_hints(kind)
    options = (dict(kind.small) if small else {}) | dict(overrides or {})
    return kind(**parse_options(name, {field.name: hints[field.name] for field in fields(kind)}, options))


def importers() -> dict[str, Importer]:
    """Every format of `ganeval import` by name: the files in `importers/`, dashes for underscores."""
    found = {name: importlib.import_module(f"{_IMPORTERS}.{name}") for name in _imported_names()}
    return {name.replace("_", "-"): module.IMPORTER for name, module in found.items()}


def _imported_names() -> list[str]:
    package = importlib.import_module(_IMPORTERS)
    return sorted({found.name for found in pkgutil.iter_modules(package.__path__)} - {"imported"})


def _recipe_class(name: str) -> type[Recipe]:
    package = _IMPORTERS if name in _imported_names() else gans.__name__
    module = importlib.import_module(f"{package}.{name}")
    found: list[type[Recipe]] = [
        value for key, value in vars(module).items() if not key.startswith("_") and _defines(module, value)
    ]
    if len(found) != 1:
        raise GanevalError(f"{module.__file__} defines {len(found)} public recipes: expected exactly one")
    return found[0]


def _defines(module: ModuleType, value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Recipe) and value.__module__ == module.__name__
