"""A small estate to try things on: a corner shop, its services, its data and its model."""
