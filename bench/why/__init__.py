"""Which change did it? Cases, real and made up, to learn from and to be measured against."""
