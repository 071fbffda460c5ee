"""Counts of what came, hour by hour: what the indicators of health are sums of."""

from wherefrom.views.health.dump import dump
from wherefrom.views.health.reader import HealthReader
from wherefrom.views.health.snapshot import Count, Event, HealthSnapshot
from wherefrom.views.health.view import HealthView

__all__ = ["Count", "Event", "HealthReader", "HealthSnapshot", "HealthView", "dump"]
