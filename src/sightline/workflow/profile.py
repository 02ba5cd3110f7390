"""Where the time and the memory of some steps go, as torch.profiler sees it."""

import os
import statistics
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from sightline.diagnosis.config import bounds_of
from sightline.files import whole_file, write_json
from sightline.records import Record
from sightline.run import Run
from sightline.training.job import Job
from sightline.workflow.say import Say

MOST_ROWS = 40


class Profile:
    """Starts the profiler before the first of its steps, and writes what it saw after the last one.

    The files are ``trace.json`` (for https://ui.perfetto.dev or chrome://tracing), ``operators.txt`` and
    ``summary.json``, in ``RUN/profile``.

    Args:
        span: first and last step, as in the settings: ``20:30``.
        job: what is trained.
        run: gets the files.
        say: is told where they are.
    """

    def __init__(self, span: str, job: Job, run: Run, say: Say):
        self.first, self.last = bounds_of(span)
        self.job, self.folder, self.say = job, run.folder / "profile", say
        self.records: list[Record] = []
        self.profiler: profile | None = None
        self._begin(job.state.step)

    def write(self, record: Record) -> None:
        """Take a record."""
        if record.kind != "step":
            return
        if self.profiler is not None:
            self.records.append(record)
            if record.step == self.last:
                self._end()
        self._begin(record.step)

    def close(self) -> None:
        """The training has ended, maybe before the last of the steps."""
        if self.profiler is not None:
            self._end()

    def _begin(self, done: int) -> None:
        if done + 1 != self.first:
            return
        on_gpu = self.job.plan.device.type == "cuda"
        activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
        self.profiler = profile(activities=activities, profile_memory=True, record_shapes=True, acc_events=True)
        os.environ.setdefault("KINETO_LOG_LEVEL", "5")  # it says on stderr that there is no GPU
        self.profiler.start()

    def _end(self) -> None:
        profiler, self.profiler = self.profiler, None
        if profiler is None:
            return
        profiler.stop()
        if not self.records:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        profiler.export_chrome_trace(str(self.folder / "trace.json"))
        on_gpu = self.job.plan.device.type == "cuda"
        averages = profiler.key_averages()
        by_time, by_memory = ("device" if on_gpu else "cpu", f"self_{'device' if on_gpu else 'cpu'}_memory_usage")
        tables = {
            f"operators by their own {by_time} time": averages.table(f"self_{by_time}_time_total", row_limit=MOST_ROWS),
            f"operators by their own {by_time} memory": averages.table(by_memory, row_limit=MOST_ROWS),
        }
        with whole_file(self.folder / "operators.txt") as file:
            file.write("\n".join(f"{title}\n{table}" for title, table in tables.items()).encode())
        write_json(self.folder / "summary.json", self._summary(averages, f"self_{by_time}_time_total"))
        self.say.note(f"profile of steps {self.first} to {self.records[-1].step}: {self.folder}")

    def _summary(self, averages: Any, key: str) -> dict[str, Any]:
        """Times in milliseconds a step, sizes in MiB."""
        values = [record.values for record in self.records]
        seconds, waits = ([float(value[name]) for value in values] for name in ("seconds", "wait"))
        count = len(values)
        top = sorted(averages, key=lambda one: -getattr(one, key))[:10]
        found: dict[str, Any] = {
            "steps": [self.records[0].step, self.records[-1].step],
            "step_ms": round(1000 * statistics.median(seconds), 3),
            "data_wait_ms": round(1000 * sum(waits) / count, 3),
            "data_wait_share": round(sum(waits) / max(1e-9, sum(seconds)), 4),
            "images_per_second": round(sum(value["images"] for value in values) / max(1e-9, sum(seconds)), 2),
            "top": [
                {"operator": one.key, "ms": round(getattr(one, key) / 1000 / count, 3), "calls": one.count / count}
                for one in top
            ],
        }
        if self.job.plan.device.type == "cuda":
            found["gpu_peak_mib"] = round(torch.cuda.max_memory_allocated(self.job.plan.device) / 2**20, 1)
        return found
