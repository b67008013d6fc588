"""Plays the second example through the running stack, and tells what the loop made of it. `make demo` runs it."""
