"""``compare``, ``errors``, ``ensemble`` and ``train --folds`` as commands, and what they print."""

import csv
import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from small_training import LOSS, train_small, words


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, noise: Path) -> list[Path]:
    folder = tmp_path_factory.mktemp("several")
    for name, lr in {"slow": 1e-3, "fast": 1e-2}.items():
        train_small(noise, folder / name, **{"train.lr": lr})
    return [folder / name for name in ("slow", "fast")]


def test_compare_says_it_in_a_sentence_and_writes_the_changes(command: Callable, runs: list[Path], tmp_path: Path):
    done = command("compare", *runs, "--changes", tmp_path / "changes.csv", "--margin", 0.4)
    assert done.code == 0 and "9 images of the test part, intervals of 95%" in done.out
    assert "latency p50" in done.out and "McNemar's exact test" in done.out
    assert any(word in done.out for word in ("not distinguishable", "is better", "are equivalent"))
    with (tmp_path / "changes.csv").open() as file:
        assert all(row["change"] for row in csv.DictReader(file))
    document = json.loads(command("compare", *runs, "--no-costs", "--json").out)
    assert document["pairs"][0]["told"] and "costs" not in document["runs"][0]
    assert command("compare", runs[0]).code == 1


def test_errors_are_listed(command: Callable, runs: list[Path], tmp_path: Path):
    done = command("errors", runs[0], "--out", tmp_path / "errors.csv")
    assert done.code == 0 and "answered worst" in done.out and "least sure" in done.out
    with (tmp_path / "errors.csv").open() as file:
        assert {row["list"] for row in csv.DictReader(file)} >= {"worst", "least_sure"}
    lists = json.loads(command("errors", runs[0], "--most", 3, "--json").out)
    assert len(lists["worst"]["images"]) == 3
    assert command("errors", runs[0], "--most", 0).code == 2


def test_ensemble_prints_shares_and_what_to_do_next(command: Callable, runs: list[Path], tmp_path: Path):
    done = command("ensemble", *runs, "--how", "weighted", "--out", tmp_path / "both")
    assert done.code == 0 and done.out.startswith("share ") and "log loss on 9 validation images" in done.out
    assert f"next: sightline evaluate {tmp_path / 'both'}" in done.err
    assert command("evaluate", tmp_path / "both").code == 0
    refused = command("ensemble", *runs, "--tta", "hflip", "--out", tmp_path / "flips")
    assert refused.code == 2 and "was not trained on images turned by hflip" in refused.err


def test_folds_print_a_table_and_go_on_after_a_signal(
    command: Callable, noise: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "disturbed.py").write_text(LOSS)
    monkeypatch.setenv("SIGHTLINE_TEST_AT", f"4 {signal.Signals.SIGINT.name}")
    own = words(**{"train.loss.name": "disturbed:loss", "train.steps": 8})
    done = command("train", noise, "--folds", 2, "--run", "folds", *own)
    assert done.code == 130 and "next: sightline resume folds" in done.err
    monkeypatch.delenv("SIGHTLINE_TEST_AT")
    assert command("resume", "folds", "--from", "step-1.pt").code == 2
    done = command("resume", "folds")
    assert done.code == 0 and "fold1" in done.out and "all 58 images, each out of its fold" in done.out
    assert "next: sightline errors folds" in done.err
    assert command("errors", "folds").code == 0
    assert "give one of them" in command("evaluate", "folds").err
