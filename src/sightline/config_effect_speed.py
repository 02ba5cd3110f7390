"""Settings of precision, memory and speed that would have no effect beside the others."""

from sightline.config_useless import Useless

SPEED = (
    Useless(
        "train.fp32",
        lambda config: config.train.fp32 not in ("auto", ()) and config.train.precision in ("fp32", "tf32"),
        "every part is computed in that precision, none is cast",
        "remove it, or set train.precision=bf16",
    ),
    Useless(
        "train.precision",
        lambda config: config.train.precision == "tf32" and config.train.device == "cpu",
        "TF32 is a format of NVIDIA's GPUs",
        "set train.precision to auto, fp32 or bf16",
        "cannot be tf32 on a CPU",
    ),
    Useless(
        "train.recompute",
        lambda config: config.train.recompute != "none" and config.train.compile != "off",
        "torch.compile decides by itself what is computed again",
        "give one of the two",
        "cannot be had together with train.compile",
    ),
    Useless(
        "train.recompute",
        lambda config: config.train.recompute == (),
        "no part is named",
        "remove it, name parts, or set it to all",
    ),
)
"""Every such setting."""

SETTLED = ("train.deterministic", "train.fp32", "train.precision", "train.loss.beta")
"""Settings that are judged once more when device, precision and class weights are no longer ``auto``."""
