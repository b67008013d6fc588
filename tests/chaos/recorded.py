"""`python tests/chaos/recorded.py PREFIX`: which rows of a run are in the record, as JSON.

`ML_LOOP_RECORD` says where the record is.
"""

import io
import json
import os
import sys

import pyarrow.parquet as pq

from contract.names import Env
from loop.runtime import objects


def main() -> int:
    folder, found = objects.folder(os.environ[Env.RECORD]), {}
    for kind in ("predictions", "outcomes"):
        rows: list[tuple[str, int, int]] = []
        for name in folder.names(f"{kind}/"):
            table = pq.read_table(io.BytesIO(folder.get(name)), columns=["id", "kafka_partition", "kafka_offset"])
            rows += [row for row in zip(*table.to_pydict().values(), strict=True) if row[0].startswith(sys.argv[1])]
        found[kind] = rows
    json.dump(found, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
