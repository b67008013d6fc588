"""What every program in a pod of the loop needs, once: the acts beside it stand on this, and not on each other."""
