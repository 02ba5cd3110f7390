"""The page around the sections: head, styles, script, and the policy that forbids everything else."""

import base64
import hashlib
import re
from importlib import resources

from sightline.evaluation.page.markup import name, text


def document(title: str, body: str) -> str:
    """One self-contained HTML page.

    Its content security policy names the style and the script by their hashes and lets nothing else in: no network,
    no other script, no inline style, even if a label contained markup.
    """
    style, script = _file("style.css"), _file("sort.js")
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<link rel="icon" href="data:,">\n'
        f"<title>{text(title)}</title>\n<style>{style}</style>\n</head>\n"
        f"<body>\n{body}\n<script>{script}</script>\n</body>\n</html>\n"
    )


def brand(title: str, day: str) -> str:
    """The line above everything: the program, what the page is about, and when that was."""
    return f'<p class="brand"><b>Sightline</b><span>{name(title)}</span><time>{text(day)}</time></p>'


def contents(sections: str) -> str:
    """Links to the sections of a page, which name themselves by their ``id`` and their ``h2``."""
    found = re.findall(r'<section id="([a-z]+)"[^>]*><h2[^>]*>(.*?)</h2>', sections)
    links = "".join(f'<a href="#{key}">{title}</a>' for key, title in found)
    return f'<nav aria-label="Sections">{links}</nav>' if links else ""


def _file(file: str) -> str:
    return (resources.files("sightline.evaluation.page") / file).read_text(encoding="utf-8")


def _hash(source: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
