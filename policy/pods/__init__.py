"""The pods that the stack leads to as they will run: of workloads, and of what each operator makes of its kinds."""
