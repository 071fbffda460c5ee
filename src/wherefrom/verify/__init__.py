"""The judgement at the door: whose word is it, and how far do we take it."""
