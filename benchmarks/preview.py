"""The offline preview beside the SDK's own mocks, how it grows, and the engine's preview, in one run.

Peer: `pulumi.runtime.set_mocks`, the SDK's test monitor, in a fresh process: the least that a run of the
program under the real SDK can cost. Both are timed from process start to finished output, in turn, so that a
machine that slows down slows both. Then programs of 1 to 1,000 services are previewed: linear growth takes
the same time for each further service. Where the engine is there, its preview of 100 services on the local
cloud stands beside. Prints medians and ratios; it judges nothing.

    python -m benchmarks.preview [--runs 5] [--stack dev] [--sizes 1,10,100,1000]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.engine import measure, write_project
from plimsoll.engine.errors import EngineError
from plimsoll.engine.find import find
from plimsoll.settings.project import find_project, read_stack, resolve

ROOT = Path(__file__).parent.parent

MOCKED = """
import asyncio, json, os, runpy, sys
import pulumi
from pulumi.runtime import Mocks, config, mocks
from pulumi.runtime.stack import run_pulumi_func

class Echo(Mocks):
    def new_resource(self, args):
        return args.name, args.inputs
    def call(self, args):
        return {}

order = json.loads(sys.argv[1])
async def program():
    runpy.run_path(order["program"], run_name="__main__")

loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
mocks.set_mocks(Echo(), project=order["project"], stack=order["stack"], preview=True)
config.set_all_config(order["config"])
os.chdir(order["program"])
sys.path.insert(0, order["program"])
loop.run_until_complete(run_pulumi_func(program))
print(len(order["config"]))
"""


def timed(command: list[str], cwd: Path = ROOT) -> float:
    """Wall seconds of one run, which must succeed."""
    began = time.perf_counter()
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    if done.returncode:
        sys.exit(f"{' '.join(command[:3])} … failed:\n{done.stderr}")
    return seconds


def main() -> None:
    """Time both, in turn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--stack", default="dev")
    parser.add_argument("--sizes", default="1,10,100,1000")
    options = parser.parse_args()
    project = find_project(ROOT)
    order = {
        "project": project.name,
        "stack": options.stack,
        "config": resolve(project, read_stack(project, options.stack)).values,
        "program": str(ROOT / (project.main or ".")),
    }
    ours = [sys.executable, "-m", "plimsoll", "preview", options.stack, "--json"]
    peer = [sys.executable, "-c", MOCKED, json.dumps(order)]
    timed(ours), timed(peer)
    pairs = [(timed(ours), timed(peer)) for _ in range(options.runs)]
    ours_median, peer_median = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(one / other for one, other in pairs)
    print(f"{options.stack}, {options.runs} runs each, medians")
    print(f"  plimsoll preview     {ours_median:5.2f} s   whole plan: options, unknowns, secrets, lines")
    print(f"  SDK mocks            {peer_median:5.2f} s   inputs only")
    print(f"  ratio                {ratio:5.2f}", flush=True)
    grow([int(size) for size in options.sizes.split(",")])
    beside_the_engine()


def grow(sizes: list[int]) -> None:
    """Time programs of several sizes, and what each further service takes."""
    print("services  resources  offline  each further service")
    before: tuple[int, float] | None = None
    for services in sizes:
        with tempfile.TemporaryDirectory(prefix="plimsoll-bench-") as folder:
            project = Path(folder).resolve() / "project"
            write_project(project, services)
            command = [sys.executable, "-m", "plimsoll", "preview", "dev", "--json", "--timeout", "600"]
            seconds = timed(command, project)
        each = f"{(seconds - before[1]) / (services - before[0]) * 1000:6.1f} ms" if before else ""
        print(f"{services:8}  {2 * services + 2:9}  {seconds:5.2f} s  {each}", flush=True)
        before = services, seconds


def beside_the_engine(services: int = 100) -> None:
    """Time the engine's own preview of the same program, where there is an engine."""
    try:
        find()
    except EngineError as error:
        print(f"the engine's preview: {error}")
        return
    with tempfile.TemporaryDirectory(prefix="plimsoll-bench-") as folder:
        _, preview, offline, *_ = measure(Path(folder).resolve(), services)
    print(f"{services} services: the engine's preview {preview:.2f} s, offline {offline:.2f} s, ", end="")
    print(f"ratio {offline / preview:.2f}")


if __name__ == "__main__":
    main()
