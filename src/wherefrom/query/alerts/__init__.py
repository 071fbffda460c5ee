"""Alerts, objectives and maintenances: what the log says of them, and how they stand now."""
