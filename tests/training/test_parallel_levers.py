"""Every lever of a training acts on shards as it does on a network that one process holds whole."""

import json
from pathlib import Path
from typing import Any

import pytest

from ranks import on_ranks
from sightline.training.optimizer_kinds import KINDS
from small_training import apart, settings, timeless, train_small, write_pictures

FSDP = {"train.distributed.kind": "fsdp"}
BLOCKS = {"train.batch_size": 12, "train.steps": 4, "train.evaluate": "2st", "data.augment": "light"}
LEVERS: dict[str, dict[str, Any]] = {
    **{name: {"train.optimizer.name": name, "train.lr": 1e-3} for name in KINDS},
    "penalties": {"train.l1": 1e-3, "train.orthogonal": 1e-2},
    "noise": {"train.noise.weights": 0.01, "train.noise.gradients": 0.01},
    "uphill": {"train.sam.rho": 0.05},
    "adaptively uphill": {"train.sam.rho": 0.5, "train.sam.adaptive": True, "train.clip": 0.5},
    "an equal average": {"train.swa": "50%"},
    "a moving average": {"train.ema": 0.9},
    "computed again": {"train.recompute": "all"},
    "let go stage by stage": {"train.freeze": "1st", "train.freezing.gradual": "1st", "train.steps": 7},
    "by patterns": {"train.groups": [{"match": "stem.*", "lr_share": 0.1, "weight_decay": 0.3}]},
}
SCRIPT = """
import json
from pathlib import Path
from sightline import distributed, train

failed = {}
for name, settings in json.loads(Path("levers.json").read_text()).items():
    try:
        train(Path("pictures"), run=Path("ranks") / name, settings=settings)
    except Exception as error:
        failed[name] = repr(error)
distributed.finish()
assert not failed, failed
"""


@pytest.mark.slow
def test_every_lever_gives_shards_the_weights_of_one_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    data = write_pictures(Path("pictures"))
    Path("levers.py").write_text(SCRIPT)
    Path("levers.json").write_text(json.dumps({n: settings(**BLOCKS | own | FSDP) for n, own in LEVERS.items()}))
    on_ranks("levers.py", world=2)
    off: dict[str, float] = {}
    for name, own in LEVERS.items():
        train_small(data, Path("alone") / name, **BLOCKS | own)
        off[name] = apart(Path("alone") / name, Path("ranks") / name)
        for alone, together in zip(timeless(Path("alone") / name), timeless(Path("ranks") / name), strict=True):
            for key in {"loss", "val_loss"} & set(alone):
                assert together[key] == pytest.approx(alone[key], abs=2e-4), (name, alone, together)
    # Muon computes its directions in bfloat16; lion takes the sign of sums, whose order differs: 2e-3 a step.
    allowed = {"muon": 2e-3, "lion": 8e-3}
    assert {name: value for name, value in off.items() if value > allowed.get(name, 1e-4)} == {}
