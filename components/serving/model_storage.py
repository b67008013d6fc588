"""How pods of KServe get a registered model: a storage initializer for `mlflow://`, which no version of KServe has."""

from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi import Output, ResourceOptions

from components.kit.custom import custom_resource, object_name
from components.kit.labels import labels
from components.kit.pod import plain_env
from components.kit.restricted import container_security_context
from components.kit.signing import verifying
from contract.commands import Fetch
from contract.names import MODEL_FOLDER, VERSION_ANNOTATION, Env
from settings import Signing

APP: Final = "model-storage"


@dataclass(frozen=True, kw_only=True)
class ModelStorageArgs:
    """The initializer's image, and the registry that it asks."""

    namespace: str
    """Namespace of the models. Part of the object's name, as the object belongs to no namespace."""
    image: str
    """An image with `python3 -m loop fetch`."""
    tracking_url: pulumi.Input[str]
    """Where pods reach MLflow."""
    signing: Signing | None = None
    """Whose signature a version must have. None: it needs none."""


class ModelStorage(pulumi.ComponentResource):
    """Creates a ClusterStorageContainer for `mlflow://NAME@ALIAS`, `mlflow://NAME/VERSION` and `models://NAME/ALIAS`.

    External: KServe, which merges the container into its init container and calls it with the URI and a folder.
    """

    name: Output[str]
    """What `storageContainerName` of an InferenceService names; known once it exists, as no pod starts before it."""

    def __init__(self, name: str, args: ModelStorageArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("ml-loop:serving:ModelStorage", name, None, opts)
        storage = custom_resource(
            f"{name}-container",
            "serving.kserve.io/v1alpha1",
            "ClusterStorageContainer",
            {"name": f"mlflow-{args.namespace}", "labels": labels(APP, name)},
            {
                "container": {
                    "name": "storage-initializer",
                    "image": args.image,
                    "imagePullPolicy": "IfNotPresent",
                    "command": Fetch.entry(),
                    "env": [
                        {"name": "MLFLOW_TRACKING_URI", "value": args.tracking_url},
                        {
                            "name": str(Env.MODEL_VERSION),
                            "valueFrom": {"fieldRef": {"fieldPath": f"metadata.annotations['{VERSION_ANNOTATION}']"}},
                        },
                        *plain_env(verifying(args.signing)),
                        # The model's volume is all that it may write: a mount of its own would ask every pod for it.
                        {"name": "HOME", "value": MODEL_FOLDER},
                        {"name": "TMPDIR", "value": MODEL_FOLDER},
                    ],
                    "resources": {"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
                    # In Knative mode nothing else sets the profile of what KServe injects.
                    "securityContext": container_security_context()
                    | {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
                },
                "supportedUriFormats": [{"prefix": "mlflow://"}, {"prefix": "models://"}],
                "workloadType": "initContainer",
            },
            opts=ResourceOptions(parent=self),
        )
        self.name = object_name(storage)
        self.register_outputs({"name": self.name})
