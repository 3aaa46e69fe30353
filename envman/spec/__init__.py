"""The spec: what a project asks for, read from envman.toml and its overlays, validated whole."""
