"""Persistent volumes: one folder of the node for each, without a provisioner.

`local` volumes honor a pod's fsGroup, which `hostPath` volumes do not, so pods that are not root can write to them.
"""

import json
import shutil

from local.node.config import NODE
from local.node.node import Node
from local.operators.operator import LocalOperator, Manifest, References
from local.shell import run

COUNT = 16
SIZE = "10Gi"
CLASS = "local"


def manifests(node: Node, _: References) -> list[Manifest]:
    recycle(node)
    annotations = {"storageclass.kubernetes.io/is-default-class": "true"}
    storage_class = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": CLASS, "annotations": annotations},
        "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
    return [storage_class, *(volume(node, number) for number in range(1, COUNT + 1))]


def volume(node: Node, number: int) -> Manifest:
    folder = node.paths.volumes / f"volume-{number}"
    folder.mkdir(mode=0o770, parents=True, exist_ok=True)
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"local-{number}"},
        "spec": {
            "capacity": {"storage": SIZE},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": CLASS,
            "persistentVolumeReclaimPolicy": "Retain",
            "local": {"path": str(folder)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
        },
    }


def recycle(node: Node) -> None:
    """Empties volumes whose claim was deleted and offers them again, as a provisioner with `Delete` would."""
    listed = json.loads(run(*node.kubectl, "get", "persistentvolumes", "-o", "json"))["items"]
    for released in [v for v in listed if v.get("status", {}).get("phase") == "Released"]:
        folder = released["spec"]["local"]["path"]
        shutil.rmtree(folder, ignore_errors=True)
        patch = json.dumps({"spec": {"claimRef": None}})
        run(*node.kubectl, "patch", "persistentvolume", released["metadata"]["name"], "-p", patch)


VOLUMES = LocalOperator(name="volumes", images=(), manifests=manifests)
