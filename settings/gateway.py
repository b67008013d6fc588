"""The Gateway at which models and MLflow are reached from outside the cluster."""

from settings.section import Section
from settings.values.names import Namespace, ObjectName
from settings.values.number import Flag


class Gateway(Section):
    """A Gateway (gateway.networking.k8s.io) in the loop's namespace."""

    class_name: ObjectName
    """GatewayClass that serves it."""
    namespace: Namespace | None = None
    """Namespace of the proxies that serve it. Unset: unknown, or outside; model servers then accept all clients."""
    tls_secret: ObjectName | None = None
    """Secret in the loop's namespace with the certificate (`kubernetes.io/tls`). Unset: plain HTTP."""
    authenticates: Flag = False
    """The gateway sets X-Tenant and X-User-Id by the identity that it authenticated. false: both are removed."""
