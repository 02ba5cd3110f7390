"""Progress on a terminal and on none."""

import io

import pytest
from rich.console import Console

from sightline.records import Record
from sightline.sinks.console import ConsoleSink


def console(terminal):
    return Console(file=io.StringIO(), force_terminal=terminal, width=120, soft_wrap=True, color_system=None)


def step(number):
    values = {"loss": 0.25, "accuracy": 0.5, "lr": 0.1, "images": 8}
    return Record(kind="step", step=number, epoch=number / 10, values=values)


def evaluation(best):
    return Record(kind="eval", step=20, epoch=2.0, values={"val_loss": 0.125, "val_accuracy": 0.875, "best": best})


def test_without_a_terminal_few_lines_and_the_last_step():
    out = console(False)
    sink = ConsoleSink(out, steps=20)
    for number in range(1, 21):
        sink.write(step(number))
    sink.close()
    (line,) = out.file.getvalue().splitlines()
    assert line.startswith("epoch   2.00  step     20/20  loss 0.2500  accuracy 0.500  ")
    assert line.endswith(" images/s  0 s left")


def test_evaluations_and_notes_are_always_told():
    out = console(False)
    sink = ConsoleSink(out, steps=20)
    sink.write(evaluation(True))
    sink.write(evaluation(False))
    sink.write(Record(kind="note", step=20, epoch=2.0, values={"text": "class [red] of [/tmp/x] 1:2"}))
    sink.write(Record(kind="save", step=20, epoch=2.0, values={"best": True}))
    sink.close()
    told = "epoch   2.00  step     20  val loss 0.1250  val accuracy 0.8750"
    assert out.file.getvalue().splitlines() == [f"{told}  best so far", told, "class [red] of [/tmp/x] 1:2"]


def test_no_escape_codes_without_a_terminal():
    out = console(False)
    sink = ConsoleSink(out, steps=1)
    sink.write(step(1))
    sink.close()
    assert "\x1b" not in out.file.getvalue()


@pytest.mark.parametrize("first_step", [0, 10])
def test_on_a_terminal_a_bar_that_goes_on_where_the_run_stood(first_step):
    out = console(True)
    sink = ConsoleSink(out, steps=20, first_step=first_step)
    assert sink.bar.tasks[0].completed == first_step
    for number in range(first_step + 1, 21):
        sink.write(step(number))
    sink.write(evaluation(True))
    sink.close()
    text = out.file.getvalue()
    assert "20/20 steps" in text and "loss 0.2500  accuracy 0.500" in text and "val accuracy 0.8750" in text
    assert sink.bar.finished
