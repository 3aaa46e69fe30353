"""Files that envman hands out: the starters of `envman init --starter`."""
