"""The real engine on the local cloud, from 1 to 300 services, beside the offline preview, in one run.

A program of N Cloud Run services under one provider, each with its service account, is brought up by
`pulumi up` and previewed again by `pulumi preview`, and by the offline preview. Wall seconds of each command
from its start to its end, and the most memory that the engine, and we with the local cloud in us, held. It
prints and judges nothing.

    python benchmarks/engine.py [--sizes 1,10,100,300]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from plimsoll.engine.find import find
from plimsoll.engine.run import Engine, Workspace, session_members
from plimsoll.localcloud.cloud import LocalCloud

PROGRAM = """
import pulumi
import pulumi_gcp as gcp

provider = gcp.Provider("gcp", project="a-project", region="europe-west1")
using = pulumi.ResourceOptions(provider=provider)
for number in range(pulumi.Config().require_int("services")):
    name = f"service-{number}"
    account = gcp.serviceaccount.Account(name, account_id=name, opts=using)
    service = gcp.cloudrunv2.Service(
        name,
        name=name,
        location="europe-west1",
        template={
            "service_account": account.email,
            "containers": [{"image": "an/image", "resources": {"limits": {"cpu": "1", "memory": "512Mi"}}}],
        },
        opts=using,
    )
    pulumi.export(name, service.uri)
"""

MIB = 1024 * 1024


class Memory:
    """The most MiB that the processes of running engines held together, looked at ten times a second."""

    def __init__(self) -> None:
        self.most = 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.1):
            self.most = max(self.most, sum(map(resident, children())))


def children() -> list[int]:
    """Every process of the engines that we started: each leads a session of its own."""
    tasks = Path(f"/proc/{os.getpid()}/task")
    direct = " ".join((task / "children").read_text() for task in tasks.iterdir()).split()
    return [member for child in direct for member in session_members(int(child))]


def resident(process: int) -> float:
    """MiB of a process; 0 where it has ended."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * resource.getpagesize() / MIB
    except OSError:
        return 0.0


def write_project(project: Path, services: int) -> None:
    """Write the program of so many services into a new folder, with its stack dev."""
    project.mkdir(parents=True)
    (project / "Pulumi.yaml").write_text(
        f"name: bench\nruntime: {{name: python, options: {{virtualenv: {sys.prefix}}}}}\n", "utf-8"
    )
    (project / "Pulumi.dev.yaml").write_text(f"config:\n  bench:services: {services}\n", "utf-8")
    (project / "__main__.py").write_text(PROGRAM, "utf-8")


def measure(folder: Path, services: int) -> tuple[float, ...]:
    """Seconds of up, of an empty preview and of an offline one; MiB of the engine and of ourselves."""
    project = folder / "project"
    write_project(project, services)
    interpreter = Path(sys.executable)
    with LocalCloud(interpreter=interpreter, state=folder / "cloud.jsonl") as cloud, Memory() as memory:
        environment = cloud.environment
        passphrase = secrets.token_hex()
        engine = Engine(
            find(), Workspace(folder / "backend", folder / "home", passphrase, environment=environment)
        )
        engine.require(["stack", "init", "dev"], cwd=project)
        up = engine.require(["up", "--yes", "--skip-preview"], cwd=project)
        preview = engine.require(["preview", "--expect-no-changes"], cwd=project)
        if len(cloud.records) != 2 * services or preview.exit_code:
            sys.exit(
                f"{len(cloud.records)} resources came up of {2 * services}; exit code {preview.exit_code}"
            )
    began = time.perf_counter()
    offline = subprocess.run(
        [sys.executable, "-m", "plimsoll", "preview", "dev", "--json", "--timeout", "600"],
        cwd=project,
        capture_output=True,
        check=True,
    )
    seconds = time.perf_counter() - began
    declared = json.loads(offline.stdout)["resources"]
    if sum(one["type"] == "gcp:cloudrunv2/service:Service" for one in declared) != services:
        sys.exit("the offline preview is not whole")
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return up.seconds, preview.seconds, seconds, memory.most, own


def main() -> None:
    """Measure each size in turn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sizes", default="1,10,100,300")
    sizes = [int(size) for size in parser.parse_args().sizes.split(",")]
    print(f"Pulumi {find().version} on the local cloud, beside the offline preview")
    print("services  resources      up  preview  offline   engine, its program   local cloud")
    for services in sizes:
        with tempfile.TemporaryDirectory(prefix="plimsoll-bench-") as folder:
            up, preview, offline, engine, own = measure(Path(folder).resolve(), services)
        print(
            f"{services:8}  {2 * services + 2:9}  {up:4.1f} s   {preview:4.1f} s   {offline:4.1f} s"
            f"  {engine:15.0f} MiB  {own:8.0f} MiB",
            flush=True,
        )


if __name__ == "__main__":
    main()
