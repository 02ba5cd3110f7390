"""The locked requirements hold every direct dependency, pinned and hashed, and name no place to fetch from."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOCKS = ("train.txt", "dev.txt", "setup.txt")
RENEW = "renew the locks by scripts/lock"


def name_of(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement.strip(), maxsplit=1)[0].lower().replace("_", "-")


def pins(lock: str) -> dict[str, str]:
    """Each pinned package with its whole entry."""
    text = (ROOT / "requirements" / lock).read_text(encoding="utf-8")
    entries = re.split(r"\n(?=\S)", "\n".join(line for line in text.splitlines() if not line.strip().startswith("#")))
    return {name_of(entry): entry for entry in entries if entry.strip()}


def wanted(lock: str) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    if lock == "setup.txt":
        return {name_of(line) for line in project["build-system"]["requires"]} | {"uv", "editables"}
    direct = [*project["project"]["dependencies"], *project["project"]["optional-dependencies"]["train"]]
    return {name_of(line) for line in direct + (project["dependency-groups"]["dev"] if lock == "dev.txt" else [])}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_direct_dependency_is_pinned(lock: str):
    missing = wanted(lock) - set(pins(lock))
    assert not missing, f"{sorted(missing)} not in requirements/{lock}; {RENEW}"


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_a_version_and_a_hash(lock: str):
    for name, entry in pins(lock).items():
        assert re.match(r"[A-Za-z0-9._\[\],-]+==[^ ]+", entry), f"{name} in {lock}"
        assert "--hash=sha256:" in entry, f"{name} in {lock}"


@pytest.mark.parametrize("lock", LOCKS)
def test_locks_name_no_place_to_fetch_from(lock: str):
    text = (ROOT / "requirements" / lock).read_text(encoding="utf-8")
    found = [line for line in text.splitlines() if re.search(r"://|find-links|index-url|file:| @ ", line)]
    assert not found, found


def test_locks_agree_on_the_versions_they_share():
    version = {lock: {name: re.findall(r"==(\S+)", entry)[0] for name, entry in pins(lock).items()} for lock in LOCKS}
    for lock in LOCKS:
        for other in LOCKS:
            shared = set(version[lock]) & set(version[other])
            assert {n: version[lock][n] for n in shared} == {n: version[other][n] for n in shared}, (lock, other)


def test_no_lock_of_another_kind_is_tracked():
    done = subprocess.run(["git", "ls-files", "uv.lock"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == ""


@pytest.mark.parametrize("script", ["setup", "lock", "test", "check", "bench", "schema", "../.ci/run"])
def test_scripts_can_be_run_and_are_well_formed(script: str):
    path = ROOT / "scripts" / script
    shell = "bash" if "bash" in path.read_text(encoding="utf-8").splitlines()[0] else "sh"
    assert path.stat().st_mode & 0o111
    assert subprocess.run([shell, "-n", str(path)], check=False).returncode == 0
