"""`python -m versions.advisories`: fails with a line for each pin that has a published hole."""

import sys
from datetime import UTC, datetime

from versions.advisories import files
from versions.advisories.judge import findings, problems
from versions.advisories.pinned import pinned


def main() -> int:
    """Prints what is wrong, then what was judged and how old the advisories are."""
    as_of, known = files.extracted()
    pins = pinned()
    found = list(findings(pins, known, files.linked()))
    wrong = problems(found, files.exceptions(), datetime.now(UTC).date())
    for line in wrong:
        print(line, file=sys.stderr)
    days = ", ".join(f"{ecosystem} of {day}" for ecosystem, day in as_of.items())
    print(f"{len(pins)} pins, {len(known)} advisories ({days}): {len(found)} match, {len(wrong)} problems")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
