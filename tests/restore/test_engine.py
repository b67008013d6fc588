"""What is told of a failure of Pulumi's."""

from restore.engine import reason


def test_of_a_failed_update_only_the_engine_s_own_errors_are_told_once_each() -> None:
    text = """
 code: 255
 stdout: Updating (local):
    error: ml-loop:tracking.replicas: 0 is not allowed
 +  pulumi:pulumi:Stack ml-loop-local creating
    [mandatory]  restricted-pods  (ml-loop v0.1.0)
    error: ml-loop:tracking.replicas: 0 is not allowed
"""
    told = "ml-loop:tracking.replicas: 0 is not allowed\n[mandatory]  restricted-pods  (ml-loop v0.1.0)"
    assert reason(text) == told


def test_a_failure_without_error_lines_is_told_as_it_is() -> None:
    assert reason("the passphrase is wrong") == "the passphrase is wrong"


def test_why_a_resource_is_not_ready_is_part_of_the_reason() -> None:
    text = (
        "    error: 1 error occurred:\n    \t* Job loop/promote-v3 is not ready: it failed: version 3 was taken back\n"
    )
    told = "1 error occurred:\nJob loop/promote-v3 is not ready: it failed: version 3 was taken back"
    assert reason(text) == told
