"""Series that were pushed: measurements of a set time, beside the log and not in it."""
