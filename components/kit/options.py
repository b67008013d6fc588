"""Options of resources."""

from pulumi import Resource, ResourceOptions


def depending_on(opts: ResourceOptions, *resources: Resource) -> ResourceOptions:
    """The options of a resource that comes after `resources`, although no data flows from them.

    A pod is refused by its neighbors before its NetworkPolicy is there, a Service waits for a pod that its Deployment
    makes, an object means nothing before the operator has defined its kind. Pulumi, which orders by data, knows none of
    this. A call has a comment only where its reason is another one.
    """
    return ResourceOptions.merge(opts, ResourceOptions(depends_on=resources))
