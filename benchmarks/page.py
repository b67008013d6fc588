"""What the page of the loop costs: `images/loop/.venv/bin/python -m benchmarks.page`.

Starts its server in a process of its own, with sources that answer at once and as much as `MODELS` models would, and
prints the time of each screen, as a multiple of a static file's in the same run; then the process's memory, and its
share of a core while no one looks.
"""

import asyncio
import json
import os
import ssl
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import httpx

from contract.names import MODEL_LABEL
from contract.page import PageContent, PageModel
from loop.page import screen, sources
from loop.page.asking import FRESH
from loop.page.server import Site
from loop.page.sources import Sources

MODELS: Final = 50
VERSIONS: Final = 50
RUNS: Final = 4
PORT: Final = 18923
ROUNDS: Final = 20
IDLE_SECONDS: Final = 30.0
COLUMNS: Final = tuple(f"column_{number}" for number in range(10))
SERVED: Final = 'ml_loop_requests_total{code="200",protocol="v1"} 1000.0\n' * 200
WATCHED: Final = "\n".join(f'alibi_drift_score{{feature="{name}",model="m0"}} 0.1' for name in COLUMNS)


def pod(number: int, slot: str) -> dict[str, Any]:
    name = f"m{number}-{slot}"
    labels = {"serving.kserve.io/inferenceservice": name, "filler": "x" * 60}
    env = [{"name": f"NAME_{each}", "value": "x" * 40} for each in range(40)]
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {"containers": [{"env": env}]},
        "status": {"podIP": "127.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]},
    }


def workflow(number: int, run: int) -> dict[str, Any]:
    nodes = {str(each): {"type": "Pod", "displayName": f"step({each})", "filler": "x" * 1500} for each in range(12)}
    return {
        "metadata": {
            "name": f"m{number}-train-{run}",
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {MODEL_LABEL: f"m{number}"},
        },
        "spec": {"arguments": {"parameters": [{"name": "trigger", "value": "manual"}]}},
        "status": {"phase": "Succeeded", "startedAt": "2026-01-01T00:00:00Z", "nodes": nodes},
    }


def version(number: int) -> dict[str, Any]:
    report = {"metric": "auc", "candidate": 0.9, "minimum": 0.7, "production": 0.89, "production_version": "1"}
    tags = {"ml-loop.gate": "passed", "ml-loop.gate-report": json.dumps(report), "ml-loop.workflow": f"w{number}"}
    listed = [{"key": key, "value": text} for key, text in tags.items()]
    return {"version": str(number), "run_id": "r", "source": "models:/m-0", "creation_timestamp": 1, "tags": listed}


def world() -> Mapping[str, bytes]:
    """Path → what the sources answer at it."""
    kinds = {
        "workflows": [workflow(number, run) for number in range(MODELS) for run in range(RUNS)],
        "pods": [pod(number, slot) for number in range(MODELS) for slot in ("production", "staging")],
        "httproutes": [],
        "leases": [],
    }
    aliases = [{"alias": "staging", "version": "2"}]
    answers = {kind: json.dumps({"items": items}) for kind, items in kinds.items()} | {
        "workflows of one model": json.dumps({"items": kinds["workflows"][:RUNS]}),
        "registered-models": json.dumps(
            {"registered_models": [{"name": f"m{each}", "aliases": aliases} for each in range(MODELS)]}
        ),
        "model-versions": json.dumps({"model_versions": [version(number) for number in range(VERSIONS, 0, -1)]}),
        "metrics": SERVED + WATCHED,
    }
    return {path: text.encode() for path, text in answers.items()}


def answer() -> ThreadingHTTPServer:
    """The sources, in a thread of this process."""
    known = world()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            parts = path.strip("/").split("/")
            key = next((part for part in parts if part in known), "metrics")
            body = known["workflows of one model" if key == "workflows" and query else key]
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", PORT + 1), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def serve() -> None:
    import uvicorn  # noqa: PLC0415  only the other process runs it

    setattr(sources, "_token", lambda: "")  # noqa: B010  there is no account here
    setattr(screen, "PORTS", dict.fromkeys(screen.PORTS, PORT + 1))  # noqa: B010
    models = tuple(PageModel(name=f"m{number}", features=COLUMNS, submit="argo submit") for number in range(MODELS))
    told = PageContent(stack="bench", namespace="n", apply="make up", settings="s", hosts=("127.0.0.1",), models=models)
    trusted = ssl.create_default_context()
    every = (httpx.AsyncClient(base_url=f"http://127.0.0.1:{PORT + 1}", verify=trusted) for _ in range(3))
    app = Site(lambda: told, Sources(*every), {}).app()
    uvicorn.run(app, host="127.0.0.1", port=PORT, lifespan="off", log_level="warning", loop="asyncio", http="h11")


def timed(path: str, pause: float) -> float:
    """The median of some requests; after a pause that makes the page ask its sources anew."""
    taken: list[float] = []
    for _ in range(ROUNDS if not pause else 5):
        time.sleep(pause)
        began = time.perf_counter()
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}{path}", timeout=60) as reply:
            reply.read()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def used(pid: int) -> float:
    """Seconds of a core."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    if "serve" in sys.argv:
        serve()
        return
    answering = answer()
    server = subprocess.Popen([sys.executable, "-m", "benchmarks.page", "serve"])
    try:
        asyncio.run(_started())
        file = timed("/loop/static/page.css", 0)
        print(f"a file (the baseline)                 {1000 * file:7.1f} ms")
        for name, path in (("a model's screen", "/loop/models/m0"), (f"the list of {MODELS} models", "/loop/")):
            for how, pause in (("answers known", 0.0), ("all asked anew", FRESH + 0.2)):
                took = timed(path, pause)
                print(f"{name + ', ' + how:<38}{1000 * took:7.1f} ms  {took / file:5.1f} x")
        before, began = used(server.pid), time.monotonic()
        time.sleep(IDLE_SECONDS)
        share = (used(server.pid) - before) / (time.monotonic() - began)
        status = Path(f"/proc/{server.pid}/status").read_text("utf-8").splitlines()
        memory = next(line for line in status if "VmRSS" in line)
        print(f"nobody looks: {100 * share:.2f} % of a core, {int(memory.split()[1]) / 1024:.0f} MiB")
    finally:
        server.terminate()
        server.wait(30)
        answering.shutdown()


async def _started() -> None:
    async with httpx.AsyncClient() as client:
        for _ in range(300):
            try:
                await client.get(f"http://127.0.0.1:{PORT}/healthz")
            except httpx.TransportError:
                await asyncio.sleep(0.2)
            else:
                return
    raise TimeoutError("the page has not started within a minute")


if __name__ == "__main__":
    main()
