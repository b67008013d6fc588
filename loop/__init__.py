"""The code of the loop's pods: training steps, storage initializer, model server, drift detector, cooldown, promotion.

Knows nothing of Pulumi; everything it needs comes from its environment. `loop.contract` holds every shared name.
"""
