"""Training on a GPU: ``python benchmarks/gpu_training.py FOLDER [--model resnet50] [--batch 128] [--repeats 3]``.

Trains a network from random weights at 224 pixels on photos in class folders, in fp32, tf32, bf16 and fp16, and in bf16
with operations that need not give the same bits. Beside it ``timm``: its network, its loader with prefetcher and its
optimizer in a plain loop, channels last, under the same autocast; without one torch rounds its convolutions to TF32, as
ours does in tf32 and not in fp32. Every measurement is a fresh process; the contestants take turns. Printed are images
per second from step 20 to the last, everything included, the most memory that was taken on the GPU, the share of the
time that the loop waited for batches, whether the weights of all repeats were equal, and whether those of a run that
went on from step 80 were.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

CONTESTANTS = {
    "timm fp32": ("timm", "fp32", True),
    "timm bf16": ("timm", "bf16", True),
    "fp32": ("ours", "fp32", True),
    "tf32": ("ours", "tf32", True),
    "bf16": ("ours", "bf16", True),
    "fp16": ("ours", "fp16", True),
    "bf16, not deterministic": ("ours", "bf16", False),
}
WARM = 20


def main() -> None:
    """Measure in turn and print."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("images")
    options.add_argument("--model", default="resnet50")
    options.add_argument("--batch", type=int, default=128)
    options.add_argument("--steps", type=int, default=120)
    options.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--only", default="", help="contestants whose name has this in it")
    options.add_argument("--one", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.one:
        who, precision, exact = CONTESTANTS[chosen.one]
        print(json.dumps(timm_loop(chosen, precision) if who == "timm" else ours(chosen, precision, exact)))
        return
    names = [name for name in CONTESTANTS if chosen.only in name]
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as cache:
        os.environ["SIGHTLINE_CACHE"] = cache
        for _ in range(chosen.repeats):
            for name in names:
                found[name].append(alone(name))
                print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    first = statistics.median(row["images/s"] for row in found[names[0]])
    for name, rows in found.items():
        speeds = sorted(row["images/s"] for row in rows)
        middle = statistics.median(speeds)
        equal = "" if "weights" not in rows[0] else f"{len({row['weights'] for row in rows})} different weights"
        resumed = "" if not equal else f", resumed: {sum(row['weights'] == row['resumed'] for row in rows)} equal"
        memory = statistics.median(row["MB"] for row in rows)
        waits = f"  {100 * statistics.median(row['waits'] for row in rows):.1f} % waiting" if equal else ""
        print(
            f"{name:<26}{middle:>7.0f} ({speeds[0]:.0f} to {speeds[-1]:.0f}) images/s  {middle / first:.2f}"
            f"  {memory:>7.0f} MB{waits}  {equal}{resumed}"
        )


def alone(name: str) -> dict[str, Any]:
    """One contestant in a process of its own."""
    done = subprocess.run([sys.executable, *sys.argv, "--one", name], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def ours(chosen: argparse.Namespace, precision: str, exact: bool) -> dict[str, Any]:
    """Sightline, by its Python names."""
    import torch

    import sightline

    settings = {
        "model.name": chosen.model, "model.weights": "none", "data.image_size": 224, "data.augment": "standard",
        "data.cache": "on", "data.check": "warn", "data.workers": chosen.workers, "train.batch_size": chosen.batch,
        "train.steps": chosen.steps, "train.precision": precision, "train.layout": "channels_last",
        "train.save": "40st", "train.evaluate": "100%", "train.tensorboard": False, "train.deterministic": exact,
        "train.lr": 0.001,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        trained = sightline.train(chosen.images, run=Path(folder) / "run", settings=settings)
        steps = [record for record in trained.run.read_records() if record["kind"] == "step" and record["step"] > WARM]
        steps = [record for record in steps if record["step"] not in (41, 81)]  # beside them a checkpoint was written
        images, seconds, waited = (sum(one[key] for one in steps) for key in ("images", "seconds", "wait"))
        memory = torch.cuda.max_memory_allocated() / 2**20
        again = sightline.resume(trained.run.folder, start_from="step-00000080.pt")
        sums = {"weights": trained.weights_sha256, "resumed": again.weights_sha256}
    return {"images/s": images / seconds, "MB": memory, "waits": waited / seconds} | sums


def timm_loop(chosen: argparse.Namespace, precision: str) -> dict[str, Any]:
    """What one writes with timm by hand."""
    import timm
    import torch
    from timm.data import create_dataset, create_loader
    from timm.optim import create_optimizer_v2

    device, dataset = torch.device("cuda"), create_dataset("", chosen.images)
    loader = create_loader(
        dataset, (3, 224, 224), chosen.batch, is_training=True, scale=(0.25, 1.0), color_jitter=0.2, device=device,
        num_workers=chosen.workers, pin_memory=True, persistent_workers=True, interpolation="bilinear",
    )  # fmt: skip
    classes = len({label for _, label in dataset.reader.samples})
    model = timm.create_model(chosen.model, num_classes=classes).to(device, memory_format=torch.channels_last)
    optimizer = create_optimizer_v2(model, opt="adamw", lr=0.001, weight_decay=0.05)
    loss_of = torch.nn.CrossEntropyLoss(label_smoothing=0.1)
    step, images, began = 0, 0, 0.0
    while step < chosen.steps:
        for inputs, targets in loader:
            with torch.autocast("cuda", torch.bfloat16, enabled=precision != "fp32"):
                loss = loss_of(model(inputs.contiguous(memory_format=torch.channels_last)), targets)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            step, images = step + 1, images + len(inputs)
            if step == WARM:
                torch.cuda.synchronize()
                images, began = 0, time.perf_counter()
            if step == chosen.steps:
                break
    torch.cuda.synchronize()
    speed = images / (time.perf_counter() - began)
    return {"images/s": speed, "MB": torch.cuda.max_memory_allocated() / 2**20}


if __name__ == "__main__":
    main()
