"""The command line: one file a verb, loaded when it is called. Nothing here imports torch."""

import importlib
import io
import os
import sys
from typing import Any

import click

from sightline.errors import SightlineError

VERBS = (
    *("demo", "check", "split", "pack", "augment", "models", "model", "lr-find", "schedule", "sanity"),
    *("train", "resume", "checkpoint", "replay", "diagnose", "soup", "ensemble", "bench", "evaluate", "compare"),
    *("errors", "predict", "explain", "export", "report"),
)
"""The verbs, in the order in which a model lives."""

SPINS = "10000"
"""Turns for which a thread looks whether others are done before it falls asleep, where nobody says otherwise. With many
more a training step is several times slower on a busy machine, with none half as fast on an idle one (docs/log.md)."""
INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells give it: 128 and the number of the signal."""


class _Verbs(click.Group):
    """Finds a verb's command in the file of its name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in VERBS:
            return None
        return importlib.import_module(f"sightline.cli.{cmd_name.replace('-', '_')}").command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            from sightline.errors import did_you_mean  # noqa: PLC0415  only for a misspelt verb

            guess = did_you_mean(args[0], VERBS)
            ctx.fail(f"unknown verb '{args[0]}'. {guess} Verbs: {', '.join(VERBS)}".replace("  ", " "))
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            sys.exit(INTERRUPTED)


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415  only for --version

        click.echo(f"sightline {version('sightline')}")
        ctx.exit()


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version.")
def sightline() -> None:
    """Carry a vision model through its whole life: data, training, evaluation, export.

    Start with `sightline demo`, or with your own images in one folder a class: `sightline train FOLDER`.
    """


def main() -> None:
    """Run the command line; the entry point of the console script."""
    # Must be said before torch is imported.
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
    for stream in (sys.stdout, sys.stderr):  # file names that are no text must not end what is already done
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        sightline.main(standalone_mode=True)
    except SightlineError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "sightline":
            raise
        click.echo(f'error: {error.name} is not installed\n  next: pip install "sightline[train]"', err=True)
        sys.exit(1)
