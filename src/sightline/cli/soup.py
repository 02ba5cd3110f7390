"""``sightline soup``."""

from pathlib import Path

import click


@click.command("soup")
@click.argument("runs", nargs=-1, required=True, metavar="RUN RUN...", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the result.")
@click.option("--greedy", is_flag=True, help="Take a run only where validation is no worse for it, the best one first.")
def command(runs: tuple[Path, ...], out: Path, greedy: bool) -> None:
    """Average the best weights of RUNs that were fine-tuned from the same weights into one network.

    The runs have the same model, preprocessing and split. The result is evaluated and exported like a run.

    \b
    sightline soup runs/slow runs/fast runs/mixed --greedy --out runs/soup
    sightline evaluate runs/soup
    """
    from sightline.workflow.say import Say  # noqa: PLC0415  the libraries behind it are slow to import
    from sightline.workflow.soup import make_soup  # noqa: PLC0415

    done = make_soup(runs, out, greedy=greedy, say=Say())
    for name, score in done.scores.items():
        click.echo(f"{done.figure} {score:.4f}  {name}{'' if name in done.used else '  left out'}")
    if done.score is not None and done.figure:
        click.echo(f"{done.figure} {done.score:.4f}  the soup of {len(done.used)}")
    click.echo(f"run {done.run.folder}\nweights_sha256 {done.weights_sha256}")
    click.echo(f"next: sightline evaluate {done.run.folder}", err=True)
