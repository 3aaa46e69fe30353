"""`python -m envman`."""

import sys

from envman.entry import main

sys.exit(main())
