"""The page of oracles, which a script writes, leaves nothing out."""

import re

from oracles import PAGE
from sightline.config_loss import LOSS_TAKES
from sightline.training.boxes import BOX_LOSSES
from sightline.training.optimizer_kinds import KINDS


def test_every_optimizer_and_every_loss_has_a_row():
    told = re.findall(r"^\| `(\w+)", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(told) == set(KINDS) | set(LOSS_TAKES) | set(BOX_LOSSES)
