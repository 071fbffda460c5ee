"""The audit report: a folder that a stranger reads, and checks without us."""
