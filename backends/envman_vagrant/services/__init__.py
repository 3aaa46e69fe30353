"""Services in the machine: servers and processes of the project, each a unit of its systemd."""
