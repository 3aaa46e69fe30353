"""What the servers of a stack hold: their volumes, what was made in them, and how it is saved and brought back."""
