"""Imports only go left: who may import whom, read from the syntax tree (functions included)."""

import graphlib
import re
import subprocess
import sys

import pytest

from source_tree import imports, loaded_by, modules

FOUNDATIONS = frozenset({"errors", "files", "machine", "plug", "records", "findings", "distributed", "shares"})
BORDER = frozenset(name for name in (module.partition(".")[2] for module in modules()) if re.match(r"config\w*$", name))
BELOW_DATA = FOUNDATIONS | BORDER | {"run"}
LEARNING = BELOW_DATA | {"data", "model", "task"}
SERVED = frozenset(
    {
        "errors",
        "files",
        "machine",
        "records",
        "findings",
        "shares",
        "data.contract",
        "data.image",
        "data.outputs",
        "export.bundle",
    }
)
ANYTHING_BUT_CLI = None

MAY_IMPORT: dict[str, frozenset[str] | None] = {
    "errors": frozenset(),
    "files": frozenset({"errors"}),
    "machine": frozenset(),
    "shares": frozenset(),
    "plug": frozenset({"errors", "files"}),
    "records": frozenset({"errors", "files"}),
    "findings": frozenset({"errors", "files"}),
    "distributed": frozenset({"errors", "files"}),
    "config": FOUNDATIONS,
    **dict.fromkeys(BORDER - {"config"}, FOUNDATIONS | BORDER),
    "run": FOUNDATIONS | BORDER,
    "sinks": FOUNDATIONS | {"run"},
    "data": BELOW_DATA,
    "model": BELOW_DATA | {"data"},
    "task": BELOW_DATA | {"data", "model"},
    "training": LEARNING,
    "diagnosis": BELOW_DATA,
    "evaluation": LEARNING,
    "export": LEARNING,
    "tuning": LEARNING | {"training", "evaluation"},
    "compression": LEARNING | {"training", "evaluation"},
    "serving": SERVED,
    "monitoring": SERVED,
    "demo": FOUNDATIONS | {"data"},
    "workflow": ANYTHING_BUT_CLI,
    "testing": ANYTHING_BUT_CLI,
    "testing_exporter": ANYTHING_BUT_CLI,
    "testing_loss": ANYTHING_BUT_CLI,
    "testing_metric": ANYTHING_BUT_CLI,
    "testing_rule": ANYTHING_BUT_CLI,
    "cli": None,
    "__init__": ANYTHING_BUT_CLI,
    "__main__": None,
}
"""Of each room, the rooms (or single modules) it may import besides itself; ``None``: any."""
MAY_IMPORT_CLI = {"cli", "__main__"}

TORCH_FREE = re.compile(
    r"sightline(\.(errors|files|machine|shares|plug|records|findings|run|config\w*|data\.(samples|image|contract|outputs|config)"
    r"|export\.bundle|(serving|monitoring|cli)(\..+)?))?"
)
HEAVY = {"torch", "torchvision", "timm"}


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def is_ours(module: str) -> bool:
    return module.split(".", maxsplit=1)[0] == "sightline"


def allowed(module: str, target: str) -> bool:
    here, there = room_of(module), room_of(target)
    if here == there:
        return True
    if there == "cli":
        return here in MAY_IMPORT_CLI
    if here in BORDER and target.endswith((".config", ".choices")):
        return True  # the configuration is composed of the stages' own
    permitted = MAY_IMPORT[here]
    return permitted is None or there in permitted or target.removeprefix("sightline.") in permitted


def test_every_room_has_its_place():
    unknown = sorted({room_of(module) for module in modules()} - set(MAY_IMPORT))
    assert not unknown, (
        f"no rule for {unknown}: say in MAY_IMPORT of tests/test_layers.py what it may import, "
        "and describe the room in docs/architecture.md"
    )


def test_imports_only_go_left():
    wrong = [
        f"{path.name}:{entry.line}: {module} imports {entry.target}"
        for module, path in modules().items()
        for entry in imports(module)
        if is_ours(entry.target) and room_of(module) in MAY_IMPORT and not allowed(module, entry.target)
    ]
    assert not wrong, "\n".join(wrong)


def test_imports_name_modules_that_exist():
    missing = [
        f"{path.name}:{entry.line}: {entry.target}"
        for module, path in modules().items()
        for entry in imports(module)
        if is_ours(entry.target) and entry.target not in modules()
    ]
    assert not missing, "\n".join(missing)


def test_no_import_cycles():
    graph = {
        module: {entry.target for entry in imports(module) if is_ours(entry.target) and not entry.late} - {module}
        for module in modules()
    }
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_the_settings_of_a_stage_import_nothing_of_ours():
    stages = [module for module in modules() if module.endswith(".config") and module.count(".") == 2]
    assert len(stages) >= 6
    for module in stages:
        parts = [one for one in modules() if one.startswith(f"{module}_")]
        found = {entry.target for each in (module, *parts) for entry in imports(each)} - set(parts)
        assert not {name for name in found if is_ours(name) or name.split(".")[0] in HEAVY}, module


def test_timm_is_known_to_the_files_that_build_list_and_step_only():
    users = {module for module in modules() for entry in imports(module) if entry.target.split(".")[0] == "timm"}
    assert users <= {"sightline.model.build", "sightline.model.catalog", "sightline.training.optimizer_kinds"}


def test_only_one_file_decodes_images():
    users = {
        module
        for module, path in modules().items()
        if re.search(r"\bImage\.open\(|\bimread\(|\bdecode_(image|jpeg|png)\(", path.read_text(encoding="utf-8"))
    }
    assert users <= {"sightline.data.image"}


def torch_free() -> list[str]:
    return [module for module in modules() if TORCH_FREE.fullmatch(module)]


def test_torch_free_modules_name_no_torch_at_any_distance():
    for module in torch_free():
        loaded = {name for name in loaded_by(module) if name.split(".")[0] in HEAVY}
        assert not loaded, f"importing {module} loads {sorted(loaded)}"


def test_torch_free_modules_load_no_torch_in_fact():
    code = f"""
import importlib, sys
for name in {torch_free()!r}:
    importlib.import_module(name)
    heavy = sorted({HEAVY!r} & set(sys.modules))
    assert not heavy, f"importing {{name}} loads {{heavy}}"
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
