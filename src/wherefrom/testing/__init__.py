"""Fakes and fault injection, shipped: who builds on Wherefrom tests with them too."""
