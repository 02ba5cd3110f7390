"""Time of an optimizer's step alone, fused and as torch chooses: ``python benchmarks/optimizer_step.py [MODEL …]``."""

import statistics
import sys
import time

import timm
import torch

FORMS = {"as torch chooses": {}, "fused": {"fused": True}}
MAKES = {
    "adamw": lambda parameters, form: torch.optim.AdamW(parameters, lr=1e-4, **form),
    "sgd, momentum": lambda parameters, form: torch.optim.SGD(parameters, lr=1e-4, momentum=0.9, nesterov=True, **form),
}


def main() -> None:
    """Measure in turn, and print medians."""
    for name in sys.argv[1:] or ["mobilenetv3_large_100", "resnet18"]:
        parameters = list(timm.create_model(name, num_classes=10).parameters())
        for parameter in parameters:
            parameter.grad = torch.randn_like(parameter)
        for kind, make in MAKES.items():
            optimizers = {form: make(parameters, options) for form, options in FORMS.items()}
            times: dict[str, list[float]] = {form: [] for form in FORMS}
            for _ in range(11):
                for form, optimizer in optimizers.items():
                    began = time.perf_counter()
                    optimizer.step()
                    times[form].append(time.perf_counter() - began)
            told = ", ".join(
                f"{form} {1000 * statistics.median(seconds[1:]):.1f} ms" for form, seconds in times.items()
            )
            print(f"{name}  {kind}: {told}")


if __name__ == "__main__":
    main()
