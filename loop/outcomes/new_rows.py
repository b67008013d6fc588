"""How many rows have got their outcome in time, counted over the judged spans: every so many of them are an event."""

import json
from typing import Final

from loop.runtime.objects import ObjectFolder

FOLDER: Final = "performance"
"""Folder of the objects that say what was found in a span: `performance/<begin of the span>.json`."""


class LabelledRows:
    """Counts the rows of earlier spans; each span's object is read once."""

    def __init__(self, record: ObjectFolder) -> None:
        self._record, self._joined = record, dict[str, int]()

    def enough(self, begin: str, joined: int, every: int) -> bool:
        """Whether the `joined` rows of the span that begins then have filled up another `every` rows.

        The same, whenever it is asked for the same spans. Raises ObjectStoreError.
        """
        before = sum(self._of(name) for name in self._record.names(f"{FOLDER}/") if name < f"{FOLDER}/{begin}.json")
        return (before + joined) // every > before // every

    def _of(self, name: str) -> int:
        if name not in self._joined:
            try:
                found = json.loads(self._record.get(name))["outcomes"]["joined"]
            except (ValueError, TypeError, KeyError):
                found = 0  # an object that is not the watch's
            self._joined[name] = found if type(found) is int and found > 0 else 0
        return self._joined[name]
