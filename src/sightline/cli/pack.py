"""``sightline pack``."""

import json
from pathlib import Path

import click


@click.command("pack")
@click.argument("data")
@click.option("--to", required=True, help="webdataset (tar shards), lmdb, or cache (decoded pixels).")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write.")
@click.option("--shard-size", metavar="SIZE", help="Size of a shard, such as 1GB.  [default: 256MB]")
@click.option(
    "-s",
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="A setting about reading: data.root=photos, …; for cache as for train.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def command(data: str, to: str, out: Path, shard_size: str | None, settings: tuple[str, ...], as_json: bool) -> None:
    """Write DATA into few large files: every image with its bytes as they are, its label, part, group and weight.

    Or, with --to cache, as the pixels that a training with the same settings decodes, for -s data.cache=FOLDER.

    \b
    sightline pack photos/ --to webdataset --out shards
    sightline pack split.csv -s data.root=photos/ --to webdataset --out shards --shard-size 1GB
    """
    from sightline.workflow.pack import pack_data  # noqa: PLC0415  the libraries behind it are slow to import
    from sightline.workflow.say import Say  # noqa: PLC0415

    done = pack_data(data, to=to, out=out, settings=list(settings), shard_size=shard_size, say=Say())
    if as_json:
        click.echo(json.dumps(done, ensure_ascii=False))
    else:
        files = "1 file" if done["files"] == 1 else f"{done['files']} files"
        parts = ", ".join(f"{count} {part}" for part, count in done["parts"].items()) or "no parts"
        click.echo(f"{done['images']} images ({parts}) in {files}, {done['bytes'] / 1e6:.1f} MB")
        click.echo(f"{to} {out}")
    way = f"{data} -s data.cache={out}" if to == "cache" else out
    click.echo(f"next: sightline train {way}", err=True)
