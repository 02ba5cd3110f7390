"""``sightline report``."""

from pathlib import Path

import click


@click.command("report")
@click.argument("runs", nargs=-1, required=True, metavar="RUN [RUN]...", type=click.Path(path_type=Path))
@click.option("--common", is_flag=True, help="Of several runs: compare on the images that all were measured on.")
def command(runs: tuple[Path, ...], common: bool) -> None:
    """Write RUN/report.html: verdict, figures, mistakes, diagnosis and settings on one page that needs no network.

    Of several runs, comparison.html in the folder of the first says which is better, and whether that can be told.

    \b
    sightline report runs/first
    sightline report runs/small runs/large
    """
    from sightline.workflow.report import report_run  # noqa: PLC0415  the libraries behind it are slow to import
    from sightline.workflow.say import Say  # noqa: PLC0415

    click.echo(f"report {report_run(*runs, common=common, say=Say())}")
    click.echo("next: open it in a browser", err=True)
