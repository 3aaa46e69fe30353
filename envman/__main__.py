"""`python -m envman`."""

from envman.entry import main

main()
