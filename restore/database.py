"""The cluster as a restore sees it: the database, its archive, and who writes to it. All of it by kubectl."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol

from components.kit.labels import selector
from components.tracking import DATABASE, MLFLOW
from components.tracking.mlflow import APP
from components.tracking.postgres import BACKUP_PLUGIN
from restore.wanted import Found, RecoveryWindow, RestoreError, Source, Wanted, moment

SUSPENDED: Final = "ml-loop.dev/suspended-for-restore"
"""Annotation of a schedule that a restore has suspended: schedules that others suspended stay as they are."""
MANAGER: Final = "ml-loop-restore"
RECORD: Final = f"{DATABASE}-restore"
"""ConfigMap with the registry's aliases as they were before the restore, which may take more than one run."""
CLUSTER: Final = "clusters.postgresql.cnpg.io"
SCHEDULES: Final = "cronworkflows.argoproj.io"
SERVERS: Final = ",".join(f"{key}={value}" for key, value in selector(APP, MLFLOW, "server").items())
RECOVERY: Final = f"cnpg.io/cluster={DATABASE},cnpg.io/jobRole=full-recovery"
ALIASES: Final = "select name || '@' || alias, version from registered_model_aliases order by 1"
PATIENCE: Final = 600.0
"""Seconds after which a wait counts as hanging."""

Aliases = Mapping[str, str]
"""`model@alias` → version."""


class Kubectl(Protocol):
    """Runs kubectl on the stack's cluster and returns what it printed; raises the caller's own error when it fails."""

    def __call__(self, *arguments: str, stdin: str | None = None) -> str: ...


@dataclass(frozen=True)
class LiveDatabase:
    """The database of one stack, and its surroundings."""

    wanted: Wanted
    kubectl: Kubectl
    pause: Callable[[float], None] = time.sleep

    def found(self) -> Found | None:
        """The database; None where there is none."""
        cluster = self._read(CLUSTER, DATABASE)
        if cluster is None:
            return None
        spec = cluster["spec"]
        plugins = [each["parameters"] for each in spec.get("plugins", []) if each["name"] == BACKUP_PLUGIN]
        return Found(
            archive=plugins[0]["serverName"] if plugins else "",
            source=_source(spec),
            ready=_is(cluster, "Ready"),
            failed=any(_is(job, "Failed") for job in self._list_here("jobs", RECOVERY)),
            windows=self._windows(),
        )

    def schedules(self) -> list[str]:
        """The trainings' schedules that are active, or that a restore has suspended."""
        return [
            each["metadata"]["name"]
            for each in self._list(SCHEDULES, self.wanted.loop)
            if not each["spec"].get("suspend") or SUSPENDED in each["metadata"].get("annotations", {})
        ]

    def aliases(self) -> Aliases | None:
        """The versions that the registry's aliases name; None where the database does not answer."""
        try:
            rows = self._sql(ALIASES)
        except RestoreError:
            return None
        return dict(row.rsplit("|", 1) for row in rows.splitlines())

    def remember(self, aliases: Aliases) -> None:
        """Keeps the aliases from before the restore, unless an earlier run of it has."""
        if self._read("configmaps", RECORD) is None:
            metadata = {"name": RECORD, "namespace": self.wanted.namespace}
            record = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(_keys(aliases))}
            self.kubectl("create", "-f", "-", stdin=json.dumps(record))

    def remembered(self) -> Aliases | None:
        """The aliases from before the restore; None where they could not be read."""
        record = self._read("configmaps", RECORD)
        return None if record is None else json.loads(record["data"]["aliases"])

    def suspend(self, schedules: Sequence[str]) -> None:
        for name in schedules:
            self._patch_schedule(name, suspend=True, mark="true")

    def stop(self) -> None:
        """Ends MLflow's servers, and waits until the last connection is gone."""
        if self.wanted.replicas is None:
            return
        self._scale(0)
        self._until(lambda: not self._list_here("pods", SERVERS), "MLflow's servers ended")

    def seal(self) -> None:
        """Brings all of the log into the archive, and with it a transaction later than any moment asked for.

        PostgreSQL refuses to stop at a moment that no transaction in the log is later than.
        """
        self._sql("select pg_current_xact_id()")
        last = self._sql("select pg_walfile_name(pg_switch_wal())").strip()
        query = "select last_archived_wal from pg_stat_archiver"
        self._until(lambda: self._sql(query).strip() >= last, f"the log's end ({last}) in the archive", 120)

    def whole(self) -> bool:
        """Whether the new database answers, and its log reaches the new archive."""
        cluster = self._read(CLUSTER, DATABASE)
        return cluster is not None and _is(cluster, "Ready") and _is(cluster, "ContinuousArchiving")

    def await_whole(self) -> None:
        self._until(self.whole, "the new database Ready, with ContinuousArchiving")

    def start(self) -> None:
        """Starts the servers, with the new database's password, and resumes the schedules that a restore suspended."""
        if self.wanted.replicas is None:
            self._kubectl("delete", "pods", "-l", SERVERS)
        else:
            self._scale(self.wanted.replicas)
            self._kubectl("rollout", "status", f"deployment/{MLFLOW}", f"--timeout={PATIENCE:.0f}s")
        for each in self._list(SCHEDULES, self.wanted.loop):
            if SUSPENDED in each["metadata"].get("annotations", {}):
                self._patch_schedule(each["metadata"]["name"], suspend=None, mark=None)
        self._kubectl("delete", "configmap", RECORD, "--ignore-not-found")

    def back_up(self) -> None:
        """The new archive's first base backup: until it is complete, the new database has none to be restored from."""
        name = f"{self.wanted.archive}-first"
        if self._read("backups.postgresql.cnpg.io", name) is None:
            spec = {
                "cluster": {"name": DATABASE},
                "method": "plugin",
                "pluginConfiguration": {"name": BACKUP_PLUGIN},
            }
            metadata = {"name": name, "namespace": self.wanted.namespace}
            backup = {"apiVersion": "postgresql.cnpg.io/v1", "kind": "Backup", "metadata": metadata, "spec": spec}
            self.kubectl("create", "-f", "-", stdin=json.dumps(backup))

        def complete() -> bool:
            status = (self._read("backups.postgresql.cnpg.io", name) or {}).get("status", {})
            if status.get("phase") == "failed":
                raise RestoreError(
                    f"the base backup {name} failed: {status.get('error')}; delete it and run this again"
                )
            return status.get("phase") == "completed"

        self._until(complete, f"the base backup {name} complete")

    def _windows(self) -> dict[str, RecoveryWindow]:
        store = self._read("objectstores.barmancloud.cnpg.io", DATABASE) or {}
        known: Mapping[str, Any] = store.get("status", {}).get("serverRecoveryWindow", {})
        return {
            archive: RecoveryWindow(
                first=moment(each["firstRecoverabilityPoint"]), last_backup=moment(each["lastSuccessfulBackupTime"])
            )
            for archive, each in known.items()
            if each.get("firstRecoverabilityPoint") and each.get("lastSuccessfulBackupTime")
        }

    def _sql(self, query: str) -> str:
        primary = (self._read(CLUSTER, DATABASE) or {}).get("status", {}).get("currentPrimary")
        if not primary:
            raise RestoreError("the database has no primary")
        return self._kubectl("exec", primary, "-c", "postgres", "--", "psql", "-d", "mlflow", "-tAqc", query)

    def _scale(self, replicas: int) -> None:
        """Sets the number and gives up its ownership: Pulumi's next change of it would be a conflict otherwise."""
        how = ("--subresource=scale", "--type=merge", f"--field-manager={MANAGER}")
        patch = json.dumps({"spec": {"replicas": replicas}})
        self._kubectl("patch", "deployment", MLFLOW, *how, "-p", patch)
        self._until(self._disowned, f"the number of {MLFLOW}'s replicas given up")

    def _disowned(self) -> bool:
        deployment = self._read("deployments", MLFLOW, "--show-managed-fields") or {}
        managers = deployment.get("metadata", {}).get("managedFields", [])
        mine = [f"/metadata/managedFields/{at}" for at, each in enumerate(managers) if each["manager"] == MANAGER]
        if not mine:
            return True
        # Others write meanwhile: an entry is removed only if it is still ours and where it was.
        patch = [{"op": "test", "path": f"{mine[0]}/manager", "value": MANAGER}, {"op": "remove", "path": mine[0]}]
        with suppress(RestoreError):
            self._kubectl("patch", "deployment", MLFLOW, "--type=json", "-p", json.dumps(patch))
        return False

    def _patch_schedule(self, name: str, *, suspend: bool | None, mark: str | None) -> None:
        patch = {"metadata": {"annotations": {SUSPENDED: mark}}, "spec": {"suspend": suspend}}
        how = ("--type=merge", f"--field-manager={MANAGER}", "-p", json.dumps(patch))
        self.kubectl("patch", SCHEDULES, name, "-n", self.wanted.loop, *how)

    def _list_here(self, kind: str, labels: str) -> list[Any]:
        return json.loads(self._kubectl("get", kind, "-l", labels, "-o", "json"))["items"]

    def _read(self, kind: str, name: str, *how: str) -> Any | None:
        text = self._kubectl("get", kind, name, "--ignore-not-found", "-o", "json", *how)
        return json.loads(text) if text.strip() else None

    def _list(self, kind: str, namespace: str) -> list[Any]:
        # The cluster of a stack without models may lack the kind.
        known = self.kubectl("api-resources", "-o", "name", f"--api-group={kind.partition('.')[2]}").split()
        return json.loads(self.kubectl("get", kind, "-n", namespace, "-o", "json"))["items"] if kind in known else []

    def _kubectl(self, *arguments: str) -> str:
        return self.kubectl("-n", self.wanted.namespace, *arguments)

    def _until(self, condition: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
        end = time.monotonic() + patience
        while not condition():
            if time.monotonic() > end:
                raise RestoreError(f"{what}: not within {patience:.0f} s")
            self.pause(1)


def _keys(aliases: Aliases) -> Mapping[str, str]:
    return {"aliases": json.dumps(dict(aliases))}


def _source(spec: Mapping[str, Any]) -> Source | None:
    recovery = spec.get("bootstrap", {}).get("recovery")
    if recovery is None:
        return None
    return Source(archive=recovery["source"], until=recovery.get("recoveryTarget", {}).get("targetTime"))


def _is(cluster: Mapping[str, Any], condition: str) -> bool:
    conditions = cluster.get("status", {}).get("conditions", [])
    return any(each["type"] == condition and each["status"] == "True" for each in conditions)
