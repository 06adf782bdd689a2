"""Coordinates of a place on the earth."""

import math
from dataclasses import dataclass

from edge.contract.errors import ConfigError


@dataclass(frozen=True)
class Coordinates:
    """Place of a station or a recording, in degrees."""

    latitude: float
    longitude: float

    def __post_init__(self) -> None:
        if not abs(self.latitude) <= 90 or not abs(self.longitude) <= 180:
            raise ConfigError(
                f"latitude {self.latitude:g}, longitude {self.longitude:g}: expected -90 to 90 "
                "and -180 to 180 degrees"
            )

    def angle(self, other: "Coordinates") -> float:
        """Between two places, as seen from the middle of the earth, in radians."""
        here, there = math.radians(self.latitude), math.radians(other.latitude)
        apart = math.radians(other.longitude - self.longitude)
        along = math.cos(here) * math.cos(there) * math.cos(apart)
        return math.acos(min(max(math.sin(here) * math.sin(there) + along, -1), 1))
