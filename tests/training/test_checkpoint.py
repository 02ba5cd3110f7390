"""Checkpoints are whole or absent, and the index has the only word on which ones count."""

import json

import pytest
import torch

from sightline.errors import CheckpointError, RunError
from sightline.training.checkpoint import Checkpoints, weights_sha256


@pytest.fixture
def checkpoints(tmp_path):
    return Checkpoints(tmp_path / "run" / "checkpoints")


def state(step):
    return {"model": {"w": torch.full((3,), float(step))}, "state": {"step": step}}


def files(checkpoints):
    return sorted(path.name for path in checkpoints.folder.iterdir())


def save(checkpoints, *steps, best=()):
    for step in steps:
        checkpoints.save(state(step), step, best=step in best)


def test_what_is_saved_is_loaded(checkpoints):
    path = checkpoints.save(state(7), 7, best=True)
    assert path.name == "step-00000007.pt" and checkpoints.named("last") == checkpoints.named("best")
    content = checkpoints.load(checkpoints.named("last"))
    assert content["state"] == {"step": 7} and torch.equal(content["model"]["w"], torch.full((3,), 7.0))


def test_the_best_and_the_last_two_are_kept(checkpoints):
    save(checkpoints, 1, 2, 3, 4, 5, best=(1, 2))
    assert [entry.step for entry in checkpoints.entries()] == [2, 4, 5]
    assert files(checkpoints) == ["index.json", "step-00000002.pt", "step-00000004.pt", "step-00000005.pt"]
    assert checkpoints.named("best").step == 2 and checkpoints.named("last").step == 5
    save(checkpoints, 6, best=(6,))
    assert [entry.step for entry in checkpoints.entries()] == [5, 6]


def test_before_the_first_one(checkpoints):
    assert checkpoints.entries() == []
    with pytest.raises(
        CheckpointError, match=r"the run has no best checkpoint yet \(.*\)\n  next: sightline resume .*run$"
    ):
        checkpoints.named("best")


def test_a_kill_between_file_and_index_leaves_the_one_before(checkpoints):
    save(checkpoints, 1, best=(1,))
    index = (checkpoints.folder / "index.json").read_bytes()
    save(checkpoints, 2, best=(2,))
    (checkpoints.folder / "index.json").write_bytes(index)
    (checkpoints.folder / ".step-00000003.pt.99.part").write_bytes(b"half of a checkpoint")
    again = Checkpoints(checkpoints.folder)
    assert (
        again.named("last").step == again.named("best").step == 1
        and again.load(again.named("last"))["state"]["step"] == 1
    )
    save(again, 3)
    assert files(again) == ["index.json", "step-00000001.pt", "step-00000003.pt"], "what nobody names is removed"


def test_a_step_that_is_trained_again_replaces_its_file(checkpoints):
    save(checkpoints, 1, 2)
    checkpoints.save(state(20), 2, best=False)
    assert [entry.step for entry in checkpoints.entries()] == [1, 2]
    assert checkpoints.load(checkpoints.named("last"))["state"] == {"step": 20}


def damage(checkpoints, step, how):
    path = checkpoints.folder / f"step-{step:08d}.pt"
    raw = path.read_bytes()
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(raw[: len(raw) // 2] if how == "half" else raw[:-40] + bytes([raw[-40] ^ 1]) + raw[-39:])


@pytest.mark.parametrize("how", ["half", "bit", "gone"])
def test_a_damaged_file_names_the_previous_good_one(checkpoints, how):
    save(checkpoints, 1, 2, 3, best=(1,))
    damage(checkpoints, 3, how)
    size = (
        ""
        if how == "gone"
        else f"\n  got: {(checkpoints.folder / 'step-00000003.pt').stat().st_size} bytes with another checksum"
    )
    with pytest.raises(CheckpointError) as error:
        checkpoints.load(checkpoints.named("last"))
    run = checkpoints.folder.parent
    assert str(error.value) == (
        f"the checkpoint step-00000003.pt is {'missing' if how == 'gone' else 'damaged'} ({checkpoints.folder}){size}\n"
        f"  next: sightline resume {run} --from step-00000002.pt goes on from the previous good one, step 2"
    )
    damage(checkpoints, 2, "half")
    assert checkpoints.good_before(checkpoints.named("last")).step == 1


def test_no_good_one_left(checkpoints):
    save(checkpoints, 1, 2)
    for step in (1, 2):
        damage(checkpoints, step, "bit")
    run = checkpoints.folder.parent
    with pytest.raises(
        CheckpointError, match=rf"next: no other checkpoint is good; train again with -c {run}/config.yaml"
    ):
        checkpoints.load(checkpoints.named("last"))


def test_rewinding_forgets_what_came_after(checkpoints):
    save(checkpoints, 1, 2, 3, best=(1, 3))
    one, three = checkpoints.entries()[0], checkpoints.named("best")
    assert three.step == 3
    checkpoints.rewind(one, best_step=None if one.step != 1 else 1)
    assert checkpoints.named("last") == one
    assert [entry.step for entry in checkpoints.entries()] == [one.step]
    save(checkpoints, 4)
    assert "step-00000003.pt" not in files(checkpoints)


def test_rewinding_keeps_the_best_of_that_time(checkpoints):
    save(checkpoints, 1, 2, 3, best=(1,))
    checkpoints.rewind(checkpoints.entries()[1], best_step=1)
    assert (checkpoints.named("last").step, checkpoints.named("best").step) == (2, 1)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"checkpoints": [{"file": "x"}]}', '{"checkpoints": 3}', "{}"])
def test_a_damaged_index(checkpoints, text):
    save(checkpoints, 1)
    (checkpoints.folder / "index.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"the checkpoint index is damaged \(.*index.json\)"):
        checkpoints.named("last")


def test_a_save_that_fails_leaves_what_was_there(checkpoints):
    save(checkpoints, 1)
    (checkpoints.folder / "step-00000002.pt").mkdir()
    with pytest.raises(RunError, match=r"cannot write: step-00000002.pt was not saved"):
        save(checkpoints, 2)
    assert files(checkpoints) == ["index.json", "step-00000001.pt", "step-00000002.pt"]
    assert checkpoints.load(checkpoints.named("last"))["state"]["step"] == 1


def test_a_checkpoint_holds_no_code(checkpoints):
    checkpoints.save(state(1) | {"x": print}, 1, best=False)
    with pytest.raises(Exception, match="Weights only load failed"):
        checkpoints.load(checkpoints.named("last"))


def test_the_index_is_plain_json(checkpoints):
    save(checkpoints, 1, best=(1,))
    index = json.loads((checkpoints.folder / "index.json").read_text())
    assert index["last"] == index["best"] == "step-00000001.pt" and index["checkpoints"][0]["step"] == 1


PLAIN = {"a": torch.arange(12.0).reshape(1, 3, 2, 2), "b": torch.tensor(3), "c": torch.zeros(0, 4)}


@pytest.mark.parametrize(
    "other",
    [
        PLAIN | {"a": PLAIN["a"] + 1e-6},
        PLAIN | {"a": PLAIN["a"].double()},
        PLAIN | {"a": PLAIN["a"].reshape(3, 1, 2, 2)},
        PLAIN | {"b": torch.tensor([3])},
        PLAIN | {"b": torch.tensor(3, dtype=torch.int32)},
        {"a2" if key == "a" else key: value for key, value in PLAIN.items()},
        {key: value for key, value in PLAIN.items() if key != "c"},
        PLAIN | {"a": -0.0 * PLAIN["a"]},
    ],
)
def test_other_weights_have_another_hash(other):
    assert weights_sha256(other) != weights_sha256(PLAIN)


def test_equal_weights_have_one_hash_in_any_order_and_layout():
    turned = {key: PLAIN[key] for key in reversed(PLAIN)}
    turned["a"] = turned["a"].contiguous(memory_format=torch.channels_last)
    assert turned["a"].stride() != PLAIN["a"].stride() and weights_sha256(turned) == weights_sha256(PLAIN)
    turned["a"] = torch.nn.Parameter(torch.cat([PLAIN["a"], PLAIN["a"]], dim=3)[..., :2])
    assert not turned["a"].is_contiguous() and weights_sha256(turned) == weights_sha256(PLAIN)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.bool, torch.uint8, torch.int64])
def test_every_dtype_has_a_hash(dtype):
    assert len(weights_sha256({"w": torch.ones(3, dtype=dtype)})) == 64
