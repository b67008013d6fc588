"""What is checked before anything changes: the cluster, the engine, and a database that is to be restored."""

from checks import departures, operators, places, restore
from settings import Settings


def run(stack: Settings) -> None:
    """Every check. Raises SettingsError with one line for each reason not to go on, and warns of the rest."""
    places.check(stack)
    operators.check(stack)
    restore.check(stack)
    departures.check(stack)
