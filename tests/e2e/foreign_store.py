"""An S3 service that is not the stack's own: on the machine, behind TLS by an authority that nobody else knows."""

import json
import secrets
import socket
import subprocess
import threading
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from local.node.certificates import authority_in, signed, subject, write_pair
from local.node.config import ADDRESS
from local.paths import Paths
from local.shell import run

PORT: Final = 30533
REGION: Final = "eu-elsewhere-1"
"""None of AWS's: a client that signs for another is refused."""
BUCKET: Final = "ours"
KEY, AUTHORITY = "foreign-key", "foreign-ca"
"""Secrets that a user makes by hand."""


@dataclass
class ForeignStore:
    """The server's folder: buckets are its folders, and objects their files."""

    folder: Path
    secret_key: str = field(default_factory=lambda: secrets.token_hex(20))

    @property
    def settings(self) -> Mapping[str, Any]:
        """`ml-loop:artifacts` of a stack that uses it."""
        return {
            "kind": "s3-compatible",
            "endpoint": f"https://{ADDRESS}:{PORT}",
            "bucket": BUCKET,
            "region": REGION,
            "credentialsSecret": KEY,
            "caSecret": AUTHORITY,
        }

    def objects(self, prefix: str) -> list[str]:
        """Keys of the objects below a prefix."""
        found = (self.folder / "data" / BUCKET / prefix).rglob("*")
        return sorted(str(each.relative_to(self.folder / "data" / BUCKET)) for each in found if each.is_file())

    def hand_out(self, paths: Paths, namespace: str) -> None:
        """Makes the Secrets as soon as the stack has made the namespace: its pods wait for them."""
        data = {
            KEY: {"access-key-id": "root", "secret-access-key": self.secret_key},
            AUTHORITY: {"ca.crt": (self.folder / "ca.crt").read_text()},
        }
        made = [
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": name, "namespace": namespace},
                "stringData": held,
            }
            for name, held in data.items()
        ]
        kubectl = [str(paths.bin / "kubectl"), f"--kubeconfig={paths.kubeconfig}"]

        def give() -> None:
            run(*kubectl, "wait", "--for=create", f"namespace/{namespace}", "--timeout=300s")
            run(
                *kubectl,
                "create",
                "--validate=false",
                "-f",
                "-",
                stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": made}),
            )

        threading.Thread(target=give, daemon=True).start()


@contextmanager
def foreign_store(paths: Paths, folder: Path) -> Generator[ForeignStore]:
    """The server, while it runs."""
    store = ForeignStore(folder)
    (folder / "data" / BUCKET).mkdir(parents=True)
    write_pair(folder / "tls", *signed(*authority_in(folder, "elsewhere"), subject("s3", ""), (ADDRESS,)))
    environment = {"ROOT_ACCESS_KEY": "root", "ROOT_SECRET_KEY": store.secret_key}
    command = [
        *(str(paths.bin / "versitygw"), f"--port={ADDRESS}:{PORT}", f"--region={REGION}", "--quiet"),
        *(f"--cert={folder / 'tls.crt'}", f"--key={folder / 'tls.key'}", "posix", str(folder / "data")),
    ]
    said = folder / "log"
    with said.open("wb") as log, subprocess.Popen(command, env=environment, stdout=log, stderr=log) as server:
        try:
            _wait(server, said)
            yield store
        finally:
            server.terminate()


def _wait(server: subprocess.Popen[bytes], said: Path) -> None:
    """Until it takes connections."""
    while server.poll() is None:
        with suppress(OSError), socket.create_connection((ADDRESS, PORT), timeout=1):
            return
        time.sleep(0.1)
    raise RuntimeError(f"the store has ended: {said.read_text()}")
