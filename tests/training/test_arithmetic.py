"""What holds for the whole process: threads, and how a GPU would multiply float32."""

import pytest
import torch

from sightline.training.arithmetic import cast, compute_with, has_tf32

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    yield
    compute_with(before, "fp32")


@pytest.mark.parametrize(("precision", "rounded"), [("fp32", False), ("tf32", True), ("bf16", False)])
def test_float32_is_rounded_for_tf32_only(precision: str, rounded: bool):
    compute_with(1, precision)
    backends = torch.backends
    found = (backends.cuda.matmul.fp32_precision, backends.cudnn.conv.fp32_precision, torch.get_num_threads())
    assert ("tf32" in found, found[0] == found[1] == "tf32", found[2]) == (rounded, rounded, 1)


@pytest.mark.parametrize("precision", ["fp32", "tf32"])
def test_a_network_can_be_exported_afterwards(precision: str):
    compute_with(1, precision)
    images = torch.randn(2, 3, 8, 8)
    module = torch.nn.Conv2d(3, 4, 3).eval()
    assert torch.equal(torch.export.export(module, (images,)).module()(images), module(images))


def test_autocast_is_on_for_half_precision_only():
    dtypes = {}
    for precision in ("fp32", "tf32", "bf16", "fp16"):
        with cast(precision, CPU):
            dtypes[precision] = (torch.ones(2, 2) @ torch.ones(2, 2)).dtype
    single = torch.float32
    assert dtypes == {"fp32": single, "tf32": single, "bf16": torch.bfloat16, "fp16": torch.float16}
    assert not has_tf32(CPU)
