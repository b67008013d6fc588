"""A Job that makes something inside a server of the stack, such as a topic or a bucket, unless it is there."""

from collections.abc import Sequence

import pulumi_kubernetes as k8s
from pulumi import Input, Output, ResourceOptions

from components.connections import Bucket, KafkaConnection
from components.custom import object_name
from components.labels import labels, selector
from components.network import allow
from components.pod import SCRATCH, Container, Env, job_name, plain_env, pod, resources, restricted_container


def client_job(
    name: str,
    role: str,
    server: KafkaConnection | Bucket,
    *,
    app: str,
    namespace: Input[str],
    image: str,
    script: str,
    env: Sequence[Env],
    work: str,
    opts: ResourceOptions,
) -> Output[str]:
    """Runs a Python script as a client of the server until it ends well. Returns the Job's name, known then.

    Other work, or another image, is another Job.
    """
    pod_labels = labels(app, name, role)
    policy = allow(
        f"{name}-{role}",
        namespace=namespace,
        selector=selector(app, name, role),
        egress=server.egress,
        opts=opts,
    )
    container: Container = {
        **restricted_container(f"create-{role}", image, resources(cpu="50m", memory="96Mi", memory_limit="256Mi")),
        "command": ["python3", "-c", script],
        "env": [*server.env(), *env, *plain_env({"HOME": SCRATCH})],
    }
    job = k8s.batch.v1.Job(
        f"{name}-{role}",
        metadata={"name": job_name(f"{name}-{role}", image, work), "namespace": namespace, "labels": pod_labels},
        spec={
            "backoff_limit": 5,
            "template": {
                "metadata": {"labels": {**pod_labels, **server.client_labels}},
                "spec": {**pod(container), "restart_policy": "OnFailure"},
            },
        },
        # No data flows from the policy, but without it nothing reaches the server.
        opts=ResourceOptions.merge(opts, ResourceOptions(depends_on=[policy])),
    )
    return object_name(job)
