"""The daemon: `python -m local.policies KUBECONFIG` keeps this machine's table as the cluster's NetworkPolicies say."""

import logging
import subprocess
import sys
import threading

from local.policies.peers import surroundings
from local.policies.rules import held
from local.policies.table import Kernel
from local.policies.watch import NAMESPACES, PODS, POLICIES, Followed
from local.provider.cluster import ClusterAccess

log = logging.getLogger("policies")


def main(kubeconfig: str) -> None:
    """Follows the cluster forever. Rules that cannot be written are tried again; the earlier ones stay in force."""
    api = ClusterAccess(kubeconfig).connect()
    changed = threading.Event()
    pods, namespaces, policies = (Followed(api, path, changed.set) for path in (PODS, NAMESPACES, POLICIES))
    for each in (pods, namespaces, policies):
        each.start()
    for each in (pods, namespaces, policies):
        each.listed.wait()
    kernel = Kernel()
    while True:
        # Cleared first, so that a change meanwhile is a reason to look again.
        changed.clear()
        around = surroundings(pods.objects(), namespaces.objects())
        groups = held(policies.objects(), around)
        try:
            if kernel.hold(groups, (pod.address for pod in around.pods)):
                log.info("%d pods in %d groups", len(around.pods), len(groups))
            changed.wait()
        except subprocess.CalledProcessError as error:
            log.error("nft refused the rules: %s", error.stderr.strip()[:2000])  # no stack trace: the reason is enough
            changed.wait(1)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    main(sys.argv[1])
