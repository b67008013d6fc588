"""The serving side of the loop: `fetch` (storage initializer), `serve` (model server), `rollout` (workflow step)."""
