"""A stand-in for Pulumi's `kubernetes` plugin, for the built-in cluster only.

Pulumi's plugin is in no package registry. Where it cannot be installed, this gRPC server takes its place on PATH and
does, for the kinds listed in `kinds`, what the plugin does: server-side apply with strict field validation, waiting for
readiness, drift, replacement. It renders no charts, no kustomizations and no YAML files, and refuses what it does not
know.
"""
