"""The log: entries in one order, for ever, under a signed root."""
