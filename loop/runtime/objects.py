"""Objects under names, in a folder of an S3 bucket or of this machine: `s3://BUCKET/FOLDER` or `file:///FOLDER`."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

AGAIN: Final = {"retries": {"mode": "standard", "max_attempts": 5}, "connect_timeout": 5, "read_timeout": 30}


class ObjectStoreError(Exception):
    """The store has refused or not answered. The message says which store, and for what."""


class ObjectFolder(Protocol):
    """What a folder of objects can do, as far as the account may. Each method raises ObjectStoreError."""

    def put(self, name: str, data: bytes) -> None:
        """Stores the object whole or not at all, in place of one that has the name."""
        ...

    def get(self, name: str) -> bytes: ...

    def names(self, prefix: str = "") -> Iterator[str]:
        """Names, in order."""
        ...

    def delete(self, name: str) -> None: ...


def folder(uri: str) -> ObjectFolder:
    """The folder at a URI. boto3 finds credentials and endpoint in the environment."""
    url = urlsplit(uri)
    if url.scheme == "file" and not url.netloc:
        return _OnDisk(Path(url.path))
    if url.scheme != "s3" or not url.netloc:
        raise ValueError(f"{uri!r} is not a folder of objects: write s3://BUCKET/FOLDER or file:///FOLDER")
    import boto3  # noqa: PLC0415  # a second to import
    from botocore.config import Config  # noqa: PLC0415

    return _InS3(boto3.client("s3", config=Config(**AGAIN)), url.netloc, url.path.strip("/"))


class _OnDisk:
    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, name: str, data: bytes) -> None:
        path = self._root / name
        with _said(f"write {path}"):
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f".{path.name}.{os.getpid()}")
            part.write_bytes(data)
            part.rename(path)

    def get(self, name: str) -> bytes:
        with _said(f"read {self._root / name}"):
            return (self._root / name).read_bytes()

    def names(self, prefix: str = "") -> Iterator[str]:
        found = (path for path in self._root.rglob("*") if path.is_file() and not path.name.startswith("."))
        yield from sorted(name for path in found if (name := str(path.relative_to(self._root))).startswith(prefix))

    def delete(self, name: str) -> None:
        with _said(f"delete {self._root / name}"):
            (self._root / name).unlink(missing_ok=True)


class _InS3:
    def __init__(self, client: Any, bucket: str, root: str) -> None:
        self._client, self._bucket, self._root = client, bucket, f"{root}/" if root else ""

    def put(self, name: str, data: bytes) -> None:
        with _said(f"write s3://{self._bucket}/{self._root}{name}"):
            self._client.put_object(Bucket=self._bucket, Key=self._root + name, Body=data)

    def get(self, name: str) -> bytes:
        with _said(f"read s3://{self._bucket}/{self._root}{name}"):
            return self._client.get_object(Bucket=self._bucket, Key=self._root + name)["Body"].read()

    def names(self, prefix: str = "") -> Iterator[str]:
        with _said(f"list s3://{self._bucket}/{self._root}{prefix}"):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._root + prefix
            )
            for page in pages:
                for each in page.get("Contents", []):
                    yield each["Key"].removeprefix(self._root)

    def delete(self, name: str) -> None:
        with _said(f"delete s3://{self._bucket}/{self._root}{name}"):
            self._client.delete_object(Bucket=self._bucket, Key=self._root + name)


class _said:  # noqa: N801  a context manager, used like a function
    """Turns what S3's client and the file system raise into one sentence."""

    def __init__(self, act: str) -> None:
        self._act = act

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, Exception):
            if not isinstance(error, OSError) and not type(error).__module__.startswith(("boto", "urllib3")):
                return
            raise ObjectStoreError(f"cannot {self._act}: {' '.join(str(error).split())[:300]}") from error
