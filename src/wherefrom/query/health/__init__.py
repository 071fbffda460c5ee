"""How good the evidence is: indicators over all that the log holds, at any moment of it."""

from wherefrom.query.health.answers import Explained, Health, History
from wherefrom.query.health.asked import Asking, HealthOptions
from wherefrom.query.health.desk import HealthDesk

__all__ = ["Asking", "Explained", "Health", "HealthDesk", "HealthOptions", "History"]
