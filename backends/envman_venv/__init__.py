"""The venv backend. Its face is `backend`; `enter` is apart, because the hot path must not load the rest."""
