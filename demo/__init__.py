"""Plays the second example through the running stack, and tells what the loop made of it: the inside of `make demo`."""
