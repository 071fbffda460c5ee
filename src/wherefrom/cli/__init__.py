"""The command line: every question and every change, for people and for scripts."""
