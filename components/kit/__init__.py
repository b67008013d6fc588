"""What components are built from: labels, restricted pods, network policies, accounts, connections."""
