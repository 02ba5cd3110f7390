"""A name becomes a network that says where its head is and how deep each parameter lies."""

import sys

import pytest
import timm
import torch
from huggingface_hub import constants
from torch import nn

from sightline import plug
from sightline.errors import ModelError, PlugError, WeightsError
from sightline.model.build import MODELS, build, license_of, preferred_input


@pytest.fixture
def own_models(tmp_path, monkeypatch):
    """A user's file with models, in the working folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_nets.py").write_text(
        "from torch import nn\n"
        "def tiny(num_classes, in_chans, width=4):\n"
        "    return nn.Sequential(nn.Conv2d(in_chans, width, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(),\n"
        "                         nn.Linear(width, num_classes))\n"
        "def nothing(num_classes, in_chans):\n"
        "    return 'a net'\n"
    )
    yield
    sys.modules.pop("sightline_plug_my_nets", None)


@pytest.mark.parametrize("name", ["cnn", "resnet18", "mobilenetv2_035"])
def test_any_classes_and_channels(name):
    for classes, channels in ((2, 1), (5, 4)):
        built = build(name, classes, channels, {})
        assert built.module.eval()(torch.zeros(2, channels, 40, 33)).shape == (2, classes)


def test_options_reach_the_constructor():
    assert build("cnn", 2, 1, {"width": 8}).module.stem[0].out_channels == 8
    assert build("resnet18", 2, 3, {"drop_rate": 0.3}).module.drop_rate == 0.3


@pytest.mark.parametrize(("name", "head"), [("cnn", "head"), ("resnet18", "fc"), ("mobilenetv2_035", "classifier")])
def test_the_head_is_the_last_layer(name, head):
    built = build(name, 2, 3, {})
    assert built.head == {f"{head}.weight", f"{head}.bias"}


@pytest.mark.parametrize("name", ["cnn", "resnet18", "mobilenetv2_035"])
def test_depth_grows_from_the_input_to_the_head(name):
    built = build(name, 2, 3, {})
    names = [key for key, _ in built.module.named_parameters()]
    assert set(built.depth) == set(names)
    assert built.depth[names[0]] == 0 and {built.depth[key] for key in built.head} == {max(built.depth.values())}
    in_order = [built.depth[key] for key in names]
    assert in_order == sorted(in_order) and len(set(in_order)) >= 5


def test_a_users_own_model(own_models):
    built = build("my_nets:tiny", 3, 2, {"width": 6})
    assert built.module(torch.zeros(1, 2, 9, 9)).shape == (1, 3)
    assert built.head == {"3.weight", "3.bias"} and built.depth == {
        "0.weight": 0,
        "0.bias": 0,
        "3.weight": 1,
        "3.bias": 1,
    }
    assert preferred_input("my_nets:tiny") is None and license_of("my_nets:tiny") == ""


class Own(nn.Module):
    """Layers in the order in which they are given, which need not be that of the forward pass."""

    def __init__(self, **layers):
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)


@pytest.mark.parametrize(
    ("layers", "head"),
    [
        ({"se": nn.Linear(4, 4), "classifier": nn.Conv2d(4, 3, 1)}, {"classifier.weight", "classifier.bias"}),
        ({"classifier": nn.Conv2d(4, 3, 1), "se": nn.Linear(4, 4)}, {"classifier.weight", "classifier.bias"}),
        ({"classifier": nn.Linear(4, 3), "aux": nn.Linear(4, 7)}, {"classifier.weight", "classifier.bias"}),
        ({"gate": nn.Conv2d(4, 3, 1), "classifier": nn.Linear(4, 3, bias=False)}, {"classifier.weight"}),
        ({"se": nn.Linear(4, 4), "classifier": nn.Conv2d(4, 3, 3)}, set()),
    ],
)
def test_the_head_of_an_own_model_is_the_last_layer_with_an_output_for_each_class(layers, head, monkeypatch):
    monkeypatch.setitem(MODELS, "own", lambda **_: Own(**layers))
    assert build("own", 3, 1, {}).head == head


def test_a_users_function_that_gives_no_module(own_models):
    with pytest.raises(
        PlugError, match=r"'my_nets:nothing' did not give a module \(model.name\)\n  got: str\n  next: ret"
    ):
        build("my_nets:nothing", 3, 2, {})


def test_an_unknown_name_shows_the_nearest():
    message = (
        r"^unknown model 'mobilnetv2_035' \(model.name\)\n  next: did you mean 'mobilenetv2_035'.*\? "
        r"Any of timm's \d+ names, the built-in cnn, mlp, or your own: \"my_file:make_model\"$"
    )
    for call in (lambda: build("mobilnetv2_035", 2, 3, {}), lambda: preferred_input("mobilnetv2_035")):
        with pytest.raises(ModelError, match=message):
            call()
    with pytest.raises(ModelError, match=r"unknown model 'cn' \(model.name\)\n  next: did you mean 'cnn'"):
        build("cn", 2, 3, {})


def test_unknown_weights_of_a_known_model_show_those_there_are():
    for call in (lambda: build("resnet18.nonsense", 2, 3, {}), lambda: preferred_input("resnet18.nonsense")):
        with pytest.raises(ModelError, match=r"unknown weights of a model 'resnet18.nonsense' .*\n.*resnet18.a1_in1k"):
            call()


def test_options_that_a_model_does_not_take():
    with pytest.raises(
        ModelError, match=r"model 'resnet18' does not take these options \(model.options\)\n  got: .*'x'"
    ):
        build("resnet18", 2, 3, {"x": 1})
    with pytest.raises(ModelError, match=r"model 'cnn' does not take these arguments \(model\)\n  got: .*'widht'"):
        build("cnn", 2, 3, {"widht": 1})
    with pytest.raises(ModelError, match=r"unknown norm 'layer' .*\n  allowed: batch, group, none"):
        build("cnn", 2, 3, {"norm": "layer"})


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("cnn", {"dropout": 2}, "dropout probability has to be between 0 and 1"),
        ("cnn", {"width": -1}, "negative dimension"),
        ("mlp", {"dropout": 2}, "dropout probability has to be between 0 and 1"),
    ],
)
def test_options_with_which_a_built_in_model_cannot_be_built(name, options, told):
    with pytest.raises(ModelError, match=rf"^model '{name}' .* \(model.*\)\n  got: .*{told}"):
        build(name, 2, 3, options)


@pytest.mark.parametrize("option", ["checkpoint_path", "pretrained", "pretrained_cfg", "pretrained_cfg_overlay"])
def test_options_that_would_fill_a_timm_model_unseen_are_refused(option):
    message = (
        rf"^model.options.{option} would fill 'resnet18' .* \(model.options\)\n  got: w.pt\n  next: .*model.weights"
    )
    with pytest.raises(ModelError, match=message):
        build("resnet18", 2, 3, {option: "w.pt"})


@pytest.mark.parametrize("name", MODELS)
def test_the_hub_has_no_weights_of_built_in_models(name):
    with pytest.raises(
        WeightsError, match=rf"'{name}' has no published weights \(model.weights\)\n  allowed: none, a w"
    ):
        build(name, 2, 3, {}, hub=True)


def test_the_hub_has_no_weights_of_some_timm_models():
    published = {full.split(".")[0] for full in timm.list_pretrained()}
    name = next(name for name in timm.list_models() if name not in published)
    with pytest.raises(WeightsError, match=rf"'{name}' has no published weights in timm"):
        build(name, 2, 3, {}, hub=True)


def test_a_hub_that_cannot_be_reached(tmp_path, monkeypatch):
    _without_hub(monkeypatch, tmp_path)
    with pytest.raises(WeightsError) as error:
        build("resnet18", 2, 3, {}, hub=True)
    lines = str(error.value).splitlines()
    assert lines[0] == "the published weights of 'resnet18' could not be fetched (model.weights)"
    assert lines[1].startswith("  got: ") and len(lines[1]) > 20
    assert lines[2] == (
        "  next: check the network, or download the file from https://hub.invalid/timm/resnet18.a1_in1k elsewhere "
        "and give it with -s model.weights=FILE, or train without: -s model.weights=none"
    )


def test_a_hub_without_an_address_is_asked_once_and_no_setting_is_left_changed(tmp_path, monkeypatch):
    _without_hub(monkeypatch, tmp_path)
    asked: list[bool] = []

    def create(*_: object, **__: object) -> None:
        asked.append(constants.HF_HUB_OFFLINE)
        raise OSError("no such file")

    monkeypatch.setattr("timm.create_model", create)
    with pytest.raises(WeightsError, match="no such file"):
        build("resnet18", 2, 3, {}, hub=True)
    assert asked == [True] and constants.HF_HUB_OFFLINE is False
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid:1")
    with pytest.raises(WeightsError):
        build("resnet18", 2, 3, {}, hub=True)
    assert asked == [True, False]
    monkeypatch.delenv("HTTPS_PROXY")
    monkeypatch.setattr(constants, "ENDPOINT", "http://hub.invalid")
    with pytest.raises(WeightsError):
        build("resnet18", 2, 3, {}, hub=True)
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid:1")
    with pytest.raises(WeightsError):
        build("resnet18", 2, 3, {}, hub=True)
    assert asked == [True, False, True, False]


def _without_hub(monkeypatch, cache) -> None:
    for key in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "https://hub.invalid")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))


def test_the_input_that_published_weights_expect():
    wanted = preferred_input("resnet18")
    cfg = timm.models.get_pretrained_cfg("resnet18")
    assert (wanted.size, wanted.crop_share, wanted.interpolation) == (
        cfg.input_size[2],
        cfg.crop_pct,
        cfg.interpolation,
    )
    assert (wanted.mean, wanted.std) == (tuple(cfg.mean), tuple(cfg.std))
    assert preferred_input("cnn") is None


def test_licences():
    assert license_of("resnet18") == "apache-2.0" and license_of("cnn") == ""


def test_models_of_one_seed_are_equal():
    weights = []
    for _ in range(2):
        torch.manual_seed(3)
        weights.append(build("cnn", 2, 1, {}).module.state_dict())
    assert all(torch.equal(one, weights[1][key]) for key, one in weights[0].items())


def test_the_users_folder_is_searched_too(tmp_path, own_models, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setattr(plug, "_search", [])
    with pytest.raises(PlugError, match=r"cannot import 'my_nets' \(model.name\)\n  got: No module named 'my_nets'\n"):
        build("my_nets:tiny", 3, 2, {})
    plug.search_in(tmp_path)
    assert build("my_nets:tiny", 3, 2, {}).module(torch.zeros(1, 2, 9, 9)).shape == (1, 3)


def test_a_model_for_one_size_is_built_for_the_size_of_the_images():
    built = build("vit_tiny_patch16_224", 2, 3, {}, size=64)
    assert built.module.eval()(torch.zeros(1, 3, 64, 64)).shape == (1, 2)
