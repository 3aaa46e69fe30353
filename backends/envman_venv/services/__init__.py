"""Services at venv level: servers of this machine or of a wheel, and processes of the project."""
