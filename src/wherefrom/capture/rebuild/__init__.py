"""Make a recorded thing again and compare. Start at ``recipe.py``."""
