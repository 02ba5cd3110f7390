"""What the processors can compute at most: ``python benchmarks/arithmetic.py``.

Matrix products in float32 and bfloat16 with all cores, in GFLOP per second of processor time: median and range of five.
Beside it what a training step of ResNet-18 takes an image at 224, forward and backward, by torch's own counter.
"""

import statistics
import time

import timm
import torch
from torch.utils.flop_counter import FlopCounterMode


def rates(side: int, kind: torch.dtype) -> list[float]:
    """GFLOP per second of processor time of five products of two square matrices, after one that warms up."""
    one, found = torch.randn(side, side).to(kind), list[float]()
    for _ in range(6):
        begun = time.process_time()
        one @ one
        found.append(2 * side**3 / (time.process_time() - begun) / 1e9)
    return found[1:]


def main() -> None:
    """Measure and print."""
    print(f"instructions {torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads")
    for name, side, kind in (("float32", 2048, torch.float32), ("bfloat16", 512, torch.bfloat16)):
        found = rates(side, kind)
        told = f"{statistics.median(found):.3g} ({min(found):.3g} to {max(found):.3g})"
        print(f"{name} {side} x {side}: {told} GFLOP per CPU-second")
    network = timm.create_model("resnet18")
    with FlopCounterMode(display=False) as counter:
        network(torch.randn(8, 3, 224, 224)).sum().backward()
    print(f"resnet18, a step: {counter.get_total_flops() / 8e9:.3g} GFLOP an image")


if __name__ == "__main__":
    main()
