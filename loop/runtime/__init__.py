"""What every program in a pod of the loop needs, once: the packages beside it build on this, and not on each other."""
