"""Jobs that work inside a server of the stack, such as making a topic or a bucket unless it is there."""

from collections.abc import Mapping, Sequence

import pulumi_kubernetes as k8s
from pulumi import Input, Output, ResourceOptions

from components.kit.access import Access
from components.kit.custom import object_name
from components.kit.labels import labels, selector
from components.kit.network import allow
from components.kit.options import depending_on
from components.kit.pod import SCRATCH, Container, Env, job_name, plain_env, pod, resources, restricted_container


def client_job(
    name: str,
    role: str,
    uses: Access,
    *,
    app: str,
    namespace: Input[str],
    image: str,
    script: str,
    env: Sequence[Env],
    work: str,
    opts: ResourceOptions,
    verb: str = "create",
) -> Output[str]:
    """Runs a Python script as a client of the server until it succeeds. Returns the Job's name, known from then on.

    Other work, or another image, is another Job. `verb` says what the script does with what `role` names.
    """
    pod_labels = labels(app, name, role)
    policy = allow(
        f"{name}-{role}",
        namespace=namespace,
        selector=selector(app, name, role),
        egress=uses.egress,
        opts=opts,
    )
    job = k8s.batch.v1.Job(
        f"{name}-{role}",
        metadata={"name": job_name(f"{name}-{role}", image, work), "namespace": namespace, "labels": pod_labels},
        spec={
            "backoff_limit": 5,
            "template": client_template(f"{verb}-{role}", uses, pod_labels, image=image, script=script, env=env),
        },
        opts=depending_on(opts, policy),
    )
    return object_name(job)


def client_template(
    name: str, uses: Access, pod_labels: Mapping[str, str], *, image: str, script: str, env: Sequence[Env]
) -> k8s.core.v1.PodTemplateSpecArgsDict:
    """A pod whose container `name` runs a Python script as a client of the server."""
    container: Container = {
        **restricted_container(name, image, resources(cpu="50m", memory="96Mi", memory_limit="256Mi"), [*uses.mounts]),
        "command": ["python3", "-c", script],
        "env": [*uses.env, *env, *plain_env({"HOME": SCRATCH})],
    }
    return {
        "metadata": {"labels": {**pod_labels, **uses.labels}},
        "spec": {**pod(container, volumes=[*uses.volumes]), "restart_policy": "OnFailure"},
    }
