"""Several ranks of one training, each a process of its own that starts at once: the libraries are loaded only once."""

import contextlib
import multiprocessing
import os
import runpy
import sys
import tempfile
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["sightline.cli", "sightline.workflow.train", "sightline.evaluation.plots"])


class Ranks:
    """The processes of one start of the command line, and what each has said.

    Args:
        arguments: of the command line, the same for all; or a Python file that they all run.
        world: how many.
        rendezvous: where they meet; missing: at a file of their own.
        own: environment of a rank, by its number; ``None`` for all.
    """

    def __init__(
        self, *arguments: str, world: int, rendezvous: str = "", own: dict[int | None, dict[str, str]] | None = None
    ):
        self.folder = Path(tempfile.mkdtemp())
        place = rendezvous or f"file://{self.folder / 'meeting'}"
        self.processes: list[BaseProcess] = []
        for rank in range(world):
            place_of = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": world, "LOCAL_WORLD_SIZE": world}
            environment = {key: str(value) for key, value in place_of.items()} | {"SIGHTLINE_RENDEZVOUS": place}
            for key in (None, rank):
                environment |= (own or {}).get(key, {})
            inherited = {key: value for key, value in os.environ.items() if key not in environment}
            process = _SERVER.Process(
                target=_run, args=(arguments, inherited | environment, str(Path.cwd()), self.folder / str(rank))
            )
            process.start()
            self.processes.append(process)

    def wait(self, seconds: float = 120) -> list[int | None]:
        """Exit code of each; ``None`` for one that had to be killed because it did not end in time."""
        for process in self.processes:
            process.join(seconds)
        codes = [process.exitcode for process in self.processes]
        for process in self.processes:
            if process.is_alive():
                process.kill()
                process.join()
        return codes

    def told(self, rank: int = 0) -> str:
        """What a rank wrote to stderr, and before it to stdout."""
        return self.out(rank) + (self.folder / f"{rank}.err").read_text()

    def out(self, rank: int = 0) -> str:
        """What a rank wrote to stdout."""
        path = self.folder / f"{rank}.out"
        return path.read_text() if path.exists() else ""


class Alone(Ranks):
    """The command line as a process of its own, in the working folder; ``environment`` goes over that of the test."""

    def __init__(self, *arguments: str, **environment: str):
        super().__init__(*arguments, world=1, own={None: environment})

    @property
    def process(self) -> BaseProcess:
        return self.processes[0]

    def signal(self, number: int) -> None:
        """Send a signal."""
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def end(self) -> int | None:
        """Its exit code, once it has one."""
        return self.wait()[0]

    def wait_for(self, line: str, seconds: float = 60) -> None:
        """Until it has written this line to stdout."""
        until = time.monotonic() + seconds
        while line not in self.out().splitlines():
            assert self.process.is_alive() and time.monotonic() < until, self.told()
            time.sleep(0.01)


def on_ranks(*arguments: str, world: int, **more: str) -> Ranks:
    """Run the command line to its end; every rank must succeed."""
    ranks = Ranks(*arguments, world=world, **more)
    codes = ranks.wait()
    assert codes == [0] * world, "\n".join([str(codes), *(ranks.told(rank) for rank in range(world))])
    return ranks


def _run(arguments: tuple[str, ...], environment: dict[str, str], folder: str, out: Path) -> None:
    """In the new process: become a rank and run the command line."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for stream, name in ((1, f"{out}.out"), (2, f"{out}.err")):
        handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(handle, stream)
    sys.stdout, sys.stderr = (os.fdopen(stream, "w", buffering=1, closefd=False) for stream in (1, 2))
    from sightline.cli import main

    sys.argv = ["sightline", *arguments]
    code = 0
    try:
        runpy.run_path(arguments[0]) if arguments[0].endswith(".py") else main()
    except SystemExit as end:
        code = int(end.code or 0)
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    os._exit(code)
