"""The one-machine Kubernetes: certificates, network, daemons, and taking all of it away again."""
