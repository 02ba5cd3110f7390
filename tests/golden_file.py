"""Lists that change only on purpose, kept in ``tests/golden``."""

import os
from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"


def check_golden(name: str, lines: list[str]) -> None:
    """Compare with the stored list; ``SIGHTLINE_RENEW=1`` stores the new one instead."""
    path = GOLDEN / name
    if os.environ.get("SIGHTLINE_RENEW") == "1":
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    stored = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    added, gone = sorted(set(lines) - set(stored)), sorted(set(stored) - set(lines))
    renew = f"if that is meant: SIGHTLINE_RENEW=1 scripts/test, and say so in CHANGELOG.md (tests/golden/{name})"
    assert lines == stored, f"added: {added}\ngone: {gone}\n{renew}"
