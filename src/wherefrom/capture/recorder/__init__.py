"""What a command read, wrote and leant on: ``wherefrom run``. Start at ``step.py``."""
