"""From a drift event to a training: the event bus, the event source and the sensor."""
