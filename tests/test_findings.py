"""Findings are plain values that programs can read."""

import dataclasses
import json

import pytest

from sightline.findings import Finding


def finding(**changes):
    plain = {"rule": "files.damaged", "severity": "error", "message": "a.png is empty", "remedy": "remove it"}
    return Finding(**plain | changes)


def test_a_finding_as_json():
    made = finding(paths=("a.png", "ä.png"), evidence={"bytes": 0})
    assert json.loads(json.dumps(made.as_dict())) == {
        "rule": "files.damaged", "severity": "error", "message": "a.png is empty", "remedy": "remove it",
        "paths": ["a.png", "ä.png"], "leave_out": ["a.png", "ä.png"], "evidence": {"bytes": 0},
    }  # fmt: skip


def test_equal_findings_are_equal_and_do_not_share_their_evidence():
    assert finding() == finding() and finding() != finding(severity="note")
    assert finding().evidence is not finding().evidence


def test_findings_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        finding().severity = "note"


def test_what_a_training_should_do_without():
    assert finding(paths=("a.png",)).quarantined() == ("a.png",)
    assert finding(paths=("a.png",), severity="note").quarantined() == ()
    assert finding(paths=("a.png", "b.png"), leave_out=("b.png",)).quarantined() == ("b.png",)
    assert finding(paths=("a.png",), leave_out=()).quarantined() == ()
