"""What the stack and its pods say to each other, said once: names, messages, metrics, commands, settings.

Standard library only, as every environment of the project imports it: the stack's and those of all images.
"""
