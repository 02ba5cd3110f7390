"""How steps are computed is measured once and remembered; what is set is kept."""

import json
import weakref
from typing import ClassVar

import pytest
import torch

from sightline.data.contract import Contract
from sightline.data.loader import Batch
from sightline.errors import ModelError
from sightline.model.build import Built, build
from sightline.task.classification import Classification
from sightline.training import precision
from sightline.training.config import LossConfig
from sightline.training.forms import Form, Wanted
from sightline.training.losses import make_loss
from sightline.training.precision import Choice, choose

CPU = torch.device("cpu")
AUTO = Wanted("auto", "auto", "auto", 2)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of its own, and torch's threads as they were."""
    monkeypatch.setenv("SIGHTLINE_CACHE", str(tmp_path / "cache"))
    threads = torch.get_num_threads()
    yield tmp_path / "cache" / "precision"
    torch.set_num_threads(threads)


@pytest.fixture
def built():
    torch.manual_seed(0)
    return build("cnn", 2, 1, {"width": 4})


def chosen(built, wanted, count=4):
    contract = Contract(
        classes=("a", "b"), color="gray", height=8, width=8, resize="squash", shorter=8,
        interpolation="bilinear", mean=(0.5,), std=(0.5,),
    )  # fmt: skip
    pixels = torch.zeros(count, 8, 8, 1, dtype=torch.uint8)
    batch = Batch(pixels, torch.zeros(count, dtype=torch.int64), torch.arange(count))
    return choose(built, Classification(contract, make_loss(LossConfig())), batch, CPU, wanted)


def test_what_is_set_is_taken_without_measuring(built, cache):
    choice = chosen(built, Wanted(1, "bf16", "channels_last", 2))
    assert choice == Choice(Form(1, "bf16", "channels_last"), "as set") and not cache.exists()
    assert torch.get_num_threads() == 1


def test_auto_measures_and_says_what_it_found(built):
    choice = chosen(built, AUTO)
    assert choice.form.threads in (1, 2) and choice.form.precision in ("fp32", "bf16")
    assert choice.form.layout in ("contiguous", "channels_last")
    first = [f"{threads} fp32 contiguous" for threads in ("2 threads", "1 thread")]
    threads = "1 thread" if choice.form.threads == 1 else "2 threads"
    then = [f"{threads} fp32 channels_last", f"{threads} bf16 contiguous", f"{threads} bf16 channels_last"]
    assert choice.reason.startswith("measured a step: ") and all(form in choice.reason for form in first + then)
    assert f"{choice.form} " in choice.reason.partition("; much slower")[0]
    assert torch.get_num_threads() == choice.form.threads


def test_only_what_is_auto_is_measured(built):
    choice = chosen(built, Wanted(1, "fp32", "auto", 2))
    assert (choice.form.threads, choice.form.precision) == (1, "fp32") and choice.reason.count(" ms") == 2


def test_threads_alone_are_measured_where_the_rest_is_set(built):
    choice = chosen(built, Wanted("auto", "fp32", "channels_last", 2))
    assert str(choice.form).endswith("fp32 channels_last")
    assert all(f"{threads} fp32 channels_last" in choice.reason for threads in ("2 threads", "1 thread"))


def test_measuring_changes_nothing_in_the_network(built):
    before = {key: value.clone() for key, value in built.module.state_dict().items()}
    chosen(built, AUTO)
    assert all(torch.equal(value, before[key]) for key, value in built.module.state_dict().items())
    assert all(parameter.grad is None for parameter in built.module.parameters())


class Flat(torch.nn.Module):
    """A tutorial's network: its view does not work on channels_last tensors."""

    def __init__(self):
        super().__init__()
        self.conv, self.head = torch.nn.Conv2d(1, 4, 3, padding=1), torch.nn.Linear(4 * 64, 2)

    def forward(self, x):
        x = self.conv(x)
        return self.head(x.view(x.size(0), -1))


def test_a_form_that_the_model_cannot_compute_in_is_no_choice():
    choice = chosen(Built(Flat(), frozenset(), {}), Wanted(1, "fp32", "auto", 1))
    assert choice.form == Form(1, "fp32", "contiguous")
    assert choice.reason.endswith("; much slower or not possible: 1 thread fp32 channels_last")


def test_a_form_that_is_several_times_slower_is_not_measured_at_length(built, monkeypatch):
    seconds = {"fp32": 0.001, "bf16": 0.02}
    asked = []

    def timed(form, step):
        asked.append((form.precision, step))
        return seconds[form.precision]

    monkeypatch.setattr(precision, "_seconds", timed)
    choice = chosen(built, Wanted(1, "auto", "contiguous", 1))
    assert choice.form.precision == "fp32" and [name for name, _ in asked].count("bf16") == 2
    assert (
        choice.reason
        == "measured a step: 1 thread fp32 contiguous 1 ms; much slower or not possible: 1 thread bf16 contiguous"
    )


def test_a_model_that_cannot_compute_a_batch_is_told_before_anything_is_measured(built, cache):
    with pytest.raises(ModelError, match=r"cannot be trained on batches of 1 images of 8 x 8 x 1") as caught:
        chosen(built, AUTO, count=1)
    assert "more than 1 value per channel" in str(caught.value) and "train.batch_size" in str(caught.value)
    assert not cache.exists()


def test_a_choice_is_remembered(built, cache):
    first = chosen(built, AUTO)
    (store,) = cache.iterdir()
    other = Form(1, "bf16", "channels_last")
    store.write_text(json.dumps({"form": vars(other), "reason": first.reason}))
    assert chosen(built, AUTO) == Choice(other, first.reason + "; measured earlier on this machine")


def test_another_model_batch_or_wish_is_measured_anew(built, cache):
    chosen(built, AUTO)
    chosen(built, Wanted(1, "fp32", "auto", 2))
    chosen(built, AUTO, count=5)
    chosen(build("cnn", 2, 1, {"width": 8}), AUTO)
    assert len(list(cache.iterdir())) == 4


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"form": {"threads": 1}, "reason": ""}', '{"form": 3, "reason": ""}', "null", '"x"'],
)
def test_a_damaged_memory_is_measured_anew(built, cache, text):
    wanted = Wanted(1, "fp32", "auto", 2)
    chosen(built, wanted)
    (store,) = cache.iterdir()
    store.write_text(text)
    assert chosen(built, wanted).reason.startswith("measured a step: ")
    assert json.loads(store.read_text())["form"]["threads"] == 1


@pytest.mark.parametrize(
    "form",
    [
        {"threads": "x", "precision": "fp32", "layout": "contiguous"},
        {"threads": 0, "precision": "fp32", "layout": "contiguous"},
        {"threads": 1, "precision": "fp8", "layout": "contiguous"},
        {"threads": 1, "precision": "fp32", "layout": "diagonal"},
    ],
)
def test_a_memory_of_something_impossible_is_measured_anew(built, cache, form):
    wanted = Wanted(1, "fp32", "auto", 2)
    chosen(built, wanted)
    (store,) = cache.iterdir()
    store.write_text(json.dumps({"form": form, "reason": "?"}))
    assert chosen(built, wanted).reason.startswith("measured a step: ")


def test_a_memory_that_cannot_be_written_costs_only_time(built, cache):
    cache.parent.write_text("a file where the folder should be")
    assert chosen(built, Wanted(1, "fp32", "auto", 2)).form.threads == 1


class Grouped(torch.nn.Module):
    """Has a depthwise convolution that it calls, and one that it does not."""

    def __init__(self):
        super().__init__()
        self.stem, self.depth = torch.nn.Conv2d(1, 4, 3), torch.nn.Conv2d(4, 4, 3, groups=4)
        self.unused, self.head = torch.nn.Conv2d(4, 4, 3, groups=2), torch.nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.depth(self.stem(x)).mean((2, 3)))


def cost_of(islands: float, half: float = 2.0):
    """Seconds of a step: bf16 throughout takes ``half``, with grouped convolutions in float32 ``islands``."""
    return lambda form, step: (islands if form.fp32 else half if form.precision == "bf16" else 1.0, step())[0]


@pytest.mark.parametrize(("islands", "won"), [(0.5, True), (0.99, False), (1.5, False)])
def test_grouped_convolutions_stay_in_float32_where_that_is_quicker(islands, won, monkeypatch):
    monkeypatch.setattr(precision, "_seconds", cost_of(islands))
    net = Built(Grouped(), frozenset(), {})
    choice = chosen(net, Wanted(1, "auto", "contiguous", 1, islands=True))
    best = Form(1, "bf16", "contiguous", ("depth",))
    assert choice.form == (best if won else Form(1, "fp32", "contiguous"))
    assert "1 thread bf16 contiguous but for 1 grouped convolution" in choice.reason
    assert type(net.module.depth) is torch.nn.Conv2d
    assert chosen(net, Wanted(1, "auto", "contiguous", 1, islands=True)).form == choice.form  # by heart


def test_islands_of_float32_are_tried_beside_a_set_precision_too(monkeypatch):
    monkeypatch.setattr(precision, "_seconds", cost_of(0.5))
    net = Built(Grouped(), frozenset(), {})
    assert chosen(net, Wanted(1, "bf16", "contiguous", 1, islands=True)).form.fp32 == ("depth",)
    assert chosen(net, Wanted(1, "bf16", "contiguous", 1)).form.fp32 == ()
    assert chosen(net, Wanted(1, "fp32", "contiguous", 1, islands=True)).reason == "as set"


def test_a_gain_within_the_noise_is_no_gain():
    plain, layout, half = (
        Form(2, *rest) for rest in (("fp32", "contiguous"), ("fp32", "channels_last"), ("bf16", "contiguous"))
    )
    assert precision._best({plain: 1.0, layout: 0.97}, plain) == plain
    assert precision._best({plain: 1.0, layout: 0.5, half: 0.49}, plain) == layout
    assert precision._best({plain: 1.0, layout: 0.5, half: 0.4}, plain) == half


class Greedy(torch.nn.Module):
    """Has room for six images at a time, over everything that is alive."""

    alive: ClassVar[list["weakref.ref[torch.Tensor]"]] = []
    tried: ClassVar[list[int]] = []

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(64, 2)

    def forward(self, images):
        Greedy.tried.append(len(images))
        kept = images.flatten(1) * 1
        Greedy.alive.append(weakref.ref(kept))
        held = sum(len(one) for ref in Greedy.alive if (one := ref()) is not None)
        outputs = self.layer(kept) + 0 * kept.square().sum()
        if held > 6:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return outputs


def test_a_first_trial_that_does_not_fit_leaves_no_memory_taken():
    Greedy.tried.clear()
    module = Greedy()
    assert chosen(Built(module, {}, frozenset()), Wanted(1, "fp32", "contiguous", 1), count=32).form.precision == "fp32"
    assert Greedy.tried == [32, 16, 8, 4]


def test_a_trial_is_in_the_precision_that_is_set(built):
    class Plain(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(64, 2)

        def forward(self, images):
            outputs = self.layer(images.flatten(1))
            if outputs.dtype == torch.bfloat16:
                raise RuntimeError("not implemented for 'BFloat16'")
            return outputs

    own = Built(Plain(), {}, frozenset())
    assert chosen(own, Wanted(1, "fp32", "contiguous", 1)).form.precision == "fp32"
    with pytest.raises(ModelError, match="not implemented for 'BFloat16'"):
        chosen(own, Wanted(1, "bf16", "contiguous", 1))
