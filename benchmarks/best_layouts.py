"""How fast a step could be if each operation ran in its better layout: ``python benchmarks/best_layouts.py MODEL…``.

Batches of 32 at 224, float32, SGD, freed memory kept, all cores. One step is profiled contiguous and one channels last;
operations are told apart by name and shapes. The sum of the smaller times is a bound that no choice of layouts can
beat with torch's own kernels: what going from one to the other takes is left out.
"""

import sys
from collections import Counter
from collections.abc import Callable

import timm
import torch
from torch.nn.functional import cross_entropy
from torch.profiler import ProfilerActivity, profile

from sightline.training.memory import keep_freed_memory

LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


def step_of(model: str, layout: torch.memory_format) -> Callable[[], None]:
    """A training step on images that are in memory already."""
    torch.manual_seed(0)
    network = timm.create_model(model, num_classes=1000).train().to(memory_format=layout)
    images = torch.randn(32, 3, 224, 224).to(memory_format=layout)
    labels = torch.randint(0, 1000, (32,))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, nesterov=True)

    def step() -> None:
        cross_entropy(network(images), labels, label_smoothing=0.1).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def spent(step: Callable[[], None]) -> Counter[tuple[str, str]]:
    """Seconds of each operation in the third step, by name and shapes."""
    step()
    step()
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as found:
        step()
    rows: Counter[tuple[str, str]] = Counter()
    for row in found.key_averages(group_by_input_shape=True):
        rows[row.key, str(row.input_shapes)] += row.self_cpu_time_total / 1e6
    return rows


def main() -> None:
    """Measure and print."""
    keep_freed_memory()
    for model in sys.argv[1:] or ["mobilenetv3_large_100", "efficientnet_b0"]:
        plain, last = (spent(step_of(model, layout)) for layout in LAYOUTS.values())
        bound = sum(min(seconds, plain.get(key, seconds)) for key, seconds in last.items())
        whole = sum(plain.values())
        told = f"contiguous {whole:.3f} s, channels last {sum(last.values()):.3f} s ({whole / sum(last.values()):.2f})"
        print(f"{model}: {told}, each operation in its better layout {bound:.3f} s ({whole / bound:.2f})")


if __name__ == "__main__":
    main()
