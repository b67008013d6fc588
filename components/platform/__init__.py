"""The operators: Argo Workflows and Events, cert-manager, CloudNativePG and its backup plugin, Knative, KServe."""
