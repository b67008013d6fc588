"""Started by the engine as `pulumi-resource-kubernetes [engine address]`: prints its port, then serves."""

import sys

from local.provider.server import serve

serve(sys.argv[1] if len(sys.argv) > 1 else None)
