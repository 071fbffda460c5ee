"""What every test shares: Hypothesis without a deadline, for machines are shared and slow."""

from hypothesis import settings

settings.register_profile("wherefrom", deadline=None, derandomize=False)
settings.load_profile("wherefrom")
