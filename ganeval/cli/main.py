"""The entry point: finds commands by file name, imports only the one asked for, turns errors into exit codes."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from pathlib import Path

import click

_PLUMBING = {"main", "options"}
_PYTHONS = {"list", "import"}
_ORDER = ["demo", "train", "sample", "score", "compare", "gate", "selfcheck", "list"]


class Commands(click.Group):
    """A group whose commands are the modules beside this file; each defines a click command named `command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The common ones in the order of a first visit, then the rest."""
        found = {info.name.rstrip("_") for info in pkgutil.iter_modules([str(Path(__file__).parent)])} - _PLUMBING
        return [name for name in _ORDER if name in found] + sorted(found - set(_ORDER))

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import the module of this command. Python has the words `list` and `import`: they live in `list_.py` ..."""
        if name not in self.list_commands(ctx):
            return None
        module = f"{name}_" if name in _PYTHONS else name
        command = importlib.import_module(f"ganeval.cli.{module}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest match for a mistyped name."""
        from ganeval.errors import unknown

        known = self.list_commands(ctx)
        if args and not args[0].startswith("-") and args[0] not in known:
            raise click.UsageError(str(unknown("command", args[0], known)), ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="ganeval")
def ganeval() -> None:
    """Evaluate and analyse generative adversarial networks.

    Start with `ganeval demo`. Then `ganeval score FAKE --reference REAL` on your own images.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line. Exit codes: 0 fine, 1 gate failed, 2 the user can fix it, 3 undecided, 130 interrupted."""
    from ganeval.errors import GanevalError, Interrupted

    try:
        code = ganeval.main(arguments, prog_name="ganeval", standalone_mode=False)
    except click.exceptions.Abort:
        code = 130
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except GanevalError as error:
        click.echo(f"{click.style('Error:', fg='red', bold=True)} {error}", err=True)
        code = 2
    except (KeyboardInterrupt, Interrupted) as stop:
        click.echo(f"Interrupted: {stop}" if str(stop) else "Interrupted", err=True)
        code = 130
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
