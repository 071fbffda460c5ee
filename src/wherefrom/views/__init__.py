"""What the log means: folds over it, each thrown away and rebuilt at will."""
