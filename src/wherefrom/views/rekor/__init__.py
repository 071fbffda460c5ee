"""The log as a Rekor v2 log: a tree over the hashedrekord bodies that are in it."""
