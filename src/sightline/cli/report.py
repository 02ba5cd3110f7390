"""``sightline report``."""

from pathlib import Path

import click


@click.command("report")
@click.argument("run", type=click.Path(path_type=Path))
def command(run: Path) -> None:
    """Write RUN/report.html: data, curves, figures, mistakes and settings on one page that needs no network."""
    from sightline.workflow.report import report_run  # noqa: PLC0415  the libraries behind it are slow to import

    click.echo(f"report {report_run(run)}")
    click.echo("next: open it in a browser", err=True)
