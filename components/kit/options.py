"""Options of resources."""

from pulumi import Resource, ResourceOptions


def depending_on(opts: ResourceOptions, *resources: Resource) -> ResourceOptions:
    """`opts` of what comes after `resources`, although no data flows from them.

    A pod is refused by its neighbors before its NetworkPolicy is there, a Service waits for a pod that its Deployment
    makes, an object means nothing before the operator has defined its kind: Pulumi, which orders by data, knows none
    of these. Written beside the call is only what is none of these.
    """
    return ResourceOptions.merge(opts, ResourceOptions(depends_on=resources))
