"""Classes that were told to be symmetric bring a warning where an augmentation makes one of the other."""

import pytest

from sightline.config_steps import steps_of
from sightline.data.augment.motion import contradictions, motions_of
from sightline.errors import DataError

CLASSES = ("6", "9", "b", "d")
TOLD = {"rotation180": [[6, "9"]], "hflip": [["b", "d"]]}


@pytest.mark.parametrize(
    ("items", "motions"),
    [
        (["hflip"], {"hflip"}),
        (["hflip", "vflip"], {"hflip", "vflip", "rotation180"}),
        ([{"rotation": {"degrees": 30}}], set()),
        ([{"rotation": {"degrees": 45}}], {"rotation90"}),
        ([{"affine": {"degrees": 180}}], {"rotation90", "rotation180"}),
        (["rotation90"], {"rotation90", "rotation180"}),
        (["trivialaugment"], {"rotation90", "rotation180"}),
        (["randaugment", "pad_crop", "noise"], set()),
    ],
)
def test_the_motions_that_steps_make(items: list, motions: set[str]):
    assert set(motions_of(steps_of(items))) == motions


def test_only_told_pairs_are_warned_of():
    assert contradictions(steps_of(["rotation90", "hflip"]), {}, CLASSES) == []
    assert contradictions(steps_of([{"rotation": {"degrees": 15}}]), TOLD, CLASSES) == []
    turned, mirrored = contradictions(steps_of(["rotation90", "hflip"]), TOLD, CLASSES)
    assert turned.severity == mirrored.severity == "warning"
    assert turned.message == (
        "rotation90 turns images by about 180 degrees, "
        "and data.symmetric says that this turns '6' and '9' into one another"
    )
    assert "leave rotation90 out" in turned.remedy
    assert mirrored.evidence == {"motion": "hflip", "step": "hflip", "classes": ["b", "d"]}


def test_trivialaugment_does_turn_as_far_as_is_said():
    from torchvision.transforms import v2

    magnitudes, signed = v2.TrivialAugmentWide._AUGMENTATION_SPACE["Rotate"]
    assert float(magnitudes(31, 0, 0).max()) == 135.0 and signed
    magnitudes, _ = v2.RandAugment._AUGMENTATION_SPACE["Rotate"]
    assert float(magnitudes(31, 0, 0).max()) < 45


def test_a_told_class_must_exist():
    with pytest.raises(DataError, match="no class '7'") as caught:
        contradictions(steps_of(["hflip"]), {"vflip": [["6", "7"]]}, CLASSES)
    assert caught.value.where == "data.symmetric.vflip" and caught.value.allowed == list(CLASSES)
