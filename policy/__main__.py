"""The policy pack: `pulumi preview --policy-pack policy`. It assembles only; its construction starts the server."""

import sys
from pathlib import Path

# Pulumi runs this folder as a script, with the folder itself on the path instead of the checkout.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pulumi_policy import PolicyPack

from policy.pulumi_pack import policies
from policy.rules import RULES

PolicyPack(name="ml-loop", policies=policies(RULES))
