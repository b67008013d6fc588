"""The code of the loop's pods: training steps, storage initializer, model server, drift detector, cooldown, promotion.

Knows nothing of Pulumi; everything it needs comes from its environment. What it shares with the stack is in `contract`.
"""
