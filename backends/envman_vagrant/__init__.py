"""The vagrant backend: a machine of its own, with kernel and init."""
