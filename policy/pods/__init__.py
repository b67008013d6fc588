"""The pods that the stack leads to, as they will run: those of workloads, and those that operators make."""
