"""Statuses as clusters report them, and what they mean."""

import pytest

from local.provider.readiness import (
    READY,
    claim,
    deployment,
    failed,
    job,
    needs_endpoints,
    pod_trouble,
    service,
    stateful_set,
    unready_probes,
    waiting,
)
from local.provider.values import Json


def rolled_out() -> Json:
    return {
        "metadata": {"name": "app", "generation": 2},
        "spec": {"replicas": 2},
        "status": {
            "observedGeneration": 2,
            "replicas": 2,
            "updatedReplicas": 2,
            "availableReplicas": 2,
            "readyReplicas": 2,
            "conditions": [{"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}],
        },
    }


def test_a_deployment_with_every_replica_updated_and_available_is_ready() -> None:
    assert deployment(rolled_out()) == READY


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"observedGeneration": 1}, "its controller has not seen the change yet"),
        ({"updatedReplicas": 1}, "1 of 2 replicas updated"),
        ({"replicas": 3}, "1 old replicas still running"),
        ({"availableReplicas": 0}, "0 of 2 replicas available"),
    ],
)
def test_a_deployment_in_the_middle_of_a_rollout_waits(change: Json, reason: str) -> None:
    live = rolled_out()
    live["status"] |= change
    assert deployment(live) == waiting(reason)


def test_a_deployment_scaled_to_zero_is_ready() -> None:
    live = rolled_out()
    live["spec"]["replicas"] = 0
    live["status"] = {"observedGeneration": 2}
    assert deployment(live) == READY


def test_pods_refused_by_pod_security_fail_at_once_because_waiting_cannot_help() -> None:
    message = 'pods "app-1" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true'
    live = rolled_out()
    live["status"]["conditions"].append({"type": "ReplicaFailure", "status": "True", "message": message})
    assert deployment(live) == failed(f"pods are refused: {message}")


def test_pods_refused_by_a_quota_wait_because_others_may_make_room() -> None:
    live = rolled_out()
    live["status"]["conditions"].append(
        {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: small"}
    )
    assert deployment(live) == waiting("pods are refused: exceeded quota: small")


def test_a_deployment_past_its_progress_deadline_has_failed() -> None:
    live = rolled_out()
    live["status"]["conditions"] = [
        {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "has timed out"}
    ]
    assert deployment(live) == failed("no progress: has timed out")


def test_a_stateful_set_with_every_replica_ready_is_ready() -> None:
    assert stateful_set(rolled_out()) == READY


def test_a_stateful_set_waits_for_updated_replicas_above_its_partition_only() -> None:
    live = rolled_out()
    live["status"]["updatedReplicas"] = 1
    assert stateful_set(live) == waiting("1 of 2 replicas updated")
    live["spec"]["updateStrategy"] = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}
    assert stateful_set(live) == READY


def a_job(**status: object) -> Json:
    return {"metadata": {"name": "migrate"}, "spec": {"completions": 1}, "status": status}


def test_a_job_is_ready_when_complete() -> None:
    assert job(a_job(conditions=[{"type": "Complete", "status": "True"}])) == READY


def test_a_job_with_failed_pods_and_tries_left_waits() -> None:
    assert job(a_job(failed=1, active=1)) == waiting("0 of 1 pods succeeded, 1 failed")


def test_a_failed_job_says_why() -> None:
    ended = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "reached the limit"}
    assert job(a_job(conditions=[ended])) == failed("it failed: BackoffLimitExceeded: reached the limit")


def test_a_claim_is_ready_when_bound_and_fails_when_lost() -> None:
    assert claim({"status": {"phase": "Bound"}}) == READY
    assert claim({"status": {"phase": "Pending"}}) == waiting("no volume is bound")
    assert claim({"status": {"phase": "Lost"}}) == failed("its volume is lost")


def a_service(**spec: object) -> Json:
    return {"apiVersion": "v1", "kind": "Service", "spec": {"clusterIP": "10.96.0.9", "selector": {"app": "a"}} | spec}


def test_a_load_balancer_waits_for_its_address() -> None:
    balancer = a_service(type="LoadBalancer")
    assert service(balancer) == waiting("the load balancer has no address")
    assert service(balancer | {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}) == READY


@pytest.mark.parametrize("change", [{"clusterIP": "None"}, {"type": "ExternalName"}, {"selector": None}])
def test_a_service_that_has_no_address_or_no_pods_of_its_own_waits_for_no_endpoint(change: Json) -> None:
    assert needs_endpoints(a_service())
    assert not needs_endpoints(a_service(**change))


def a_pod(**container: object) -> Json:
    status = {"containerStatuses": [{"name": "app", "restartCount": 3} | container]}
    return {"metadata": {"name": "app-1"}, "status": status}


def test_a_pod_that_is_starting_is_in_no_trouble() -> None:
    assert pod_trouble(a_pod(state={"waiting": {"reason": "ContainerCreating"}})) is None


def test_an_image_that_cannot_be_pulled_is_named() -> None:
    state = {"waiting": {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "app:9"'}}
    expected = 'pod app-1, container app: ImagePullBackOff: Back-off pulling image "app:9"'
    assert pod_trouble(a_pod(state=state)) == expected


def test_a_crash_loop_tells_the_last_exit_code() -> None:
    pod = a_pod(
        state={"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}},
        lastState={"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
    )
    assert pod_trouble(pod) == "pod app-1, container app: ended with exit code 137 (OOMKilled), 3 restarts"


def test_a_container_that_ended_with_a_reason_of_its_own_tells_it() -> None:
    ended = {"exitCode": 1, "reason": "Error", "message": "version 3 was taken back\n"}
    expected = "pod app-1, container app: ended with exit code 1 (Error): version 3 was taken back, 3 restarts"
    assert pod_trouble(a_pod(state={"terminated": ended})) == expected


def test_a_pod_that_fits_on_no_node_says_so() -> None:
    pod = a_pod()
    pod["status"]["conditions"] = [{"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}]
    assert pod_trouble(pod) == "pod app-1 cannot be scheduled: 0/1 nodes are available"


def test_a_probe_s_port_is_asked_for_by_number_as_the_way_to_a_pod_knows_no_names() -> None:
    pod = a_pod(ready=False, state={"running": {}})
    probe = {"path": "/health", "port": "s3"}
    ports = [{"containerPort": 9100}, {"name": "s3", "containerPort": 7070}]
    pod["spec"] = {"containers": [{"name": "app", "ports": ports, "readinessProbe": {"httpGet": probe}}]}
    assert list(unready_probes(pod)) == [("app", {"path": "/health", "port": 7070})]


def test_a_container_that_runs_and_is_not_ready_is_asked_by_its_probe() -> None:
    pod = a_pod(ready=False, state={"running": {}})
    probe = {"path": "/readyz", "port": 9090}
    pod["spec"] = {"containers": [{"name": "app", "readinessProbe": {"httpGet": probe}}, {"name": "beside"}]}
    assert list(unready_probes(pod)) == [("app", probe)]
    for state in ({"ready": True, "state": {"running": {}}}, {"ready": False, "state": {"waiting": {}}}):
        pod["status"]["containerStatuses"] = [{"name": "app", **state}]
        assert list(unready_probes(pod)) == []
