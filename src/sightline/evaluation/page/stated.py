"""A value that knows in which file of the run it stands, and shows itself together with that place."""

import dataclasses
import json
from collections.abc import Callable, Iterator
from typing import Any

from sightline.evaluation.page.markup import percent, text

Key = str | int


@dataclasses.dataclass(frozen=True)
class Stated:
    """A value in a JSON file of the run.

    What it shows is a ``data`` element: its ``value`` is the number as the file has it, its ``title`` names the file
    and the place in it (a JSON pointer, RFC 6901), so that a reader and a program can look it up.
    """

    file: str
    """Path in the run's folder, such as ``predictions/test.json``."""
    value: Any
    """What stands there."""
    keys: tuple[Key, ...] = ()
    """The way to it from the top of the file."""

    def __getitem__(self, key: Key) -> "Stated":
        """What stands under a key, or at a place of a list.

        Raises:
            KeyError: there is no such key.
        """
        return Stated(self.file, self.value[key], (*self.keys, key))

    def get(self, key: str) -> "Stated | None":
        """What stands under a key; ``None``: there is no such key, or ``null`` stands there."""
        return None if not isinstance(self.value, dict) or self.value.get(key) is None else self[key]

    def __iter__(self) -> Iterator["Stated"]:
        """The entries of a list."""
        return (self[place] for place in range(len(self.value)))

    def __len__(self) -> int:
        return len(self.value)

    @property
    def pointer(self) -> str:
        """The place in the file, such as ``/accuracy/value``."""
        return "".join("/" + str(key).replace("~", "~0").replace("/", "~1") for key in self.keys)

    def shown(self, form: Callable[[Any], str]) -> str:
        """The value in words, with its place; ``form`` gives plain words."""
        return _data(form(self.value), self.value, f"{self.file}#{self.pointer}")

    def percent(self, digits: int = 1) -> str:
        """A share as a percentage; a dash for none."""
        return self.shown(lambda value: percent(value, digits))

    def points(self, digits: int = 1, sign: bool = False) -> str:
        """A difference of shares, a hundred of which are 1; without ``sign`` its size alone."""
        return self.shown(lambda value: f"{value * 100:+.{digits}f}" if sign else f"{abs(value) * 100:.{digits}f}")

    def plain(self, form: str = ".4g", unit: str = "") -> str:
        """A number in this format, and its unit; a dash for none."""
        return self.shown(lambda value: "–" if value is None else f"{value:{form}} {unit}".rstrip())

    def size(self, form: str = ".4g") -> str:
        """A number in this format without its sign."""
        return self.shown(lambda value: f"{abs(value):{form}}")

    def less(self, other: "Stated", form: Callable[[Any], str]) -> str:
        """How much larger this value is than another one of the same file."""
        off = self.value - other.value
        return _data(form(off), off, f"{self.file}#{self.pointer} less #{other.pointer}")


def _data(words: str, value: Any, place: str) -> str:
    exact = value if isinstance(value, str) else json.dumps(value)
    return f'<data value="{text(exact)}" title="{text(place)}">{text(words)}</data>'


def source(*files: str) -> str:
    """Small print: the files of the run that the figures above come from."""
    named = " and ".join(f"<code>{text(file)}</code>" for file in files)
    return f'<p class="source">From {named}</p>'
