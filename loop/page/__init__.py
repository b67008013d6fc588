"""The page of the loop: what each model's loop does, station by station, and what waits for a human. It only reads."""
