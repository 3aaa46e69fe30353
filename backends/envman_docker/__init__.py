"""The Docker level: a generated image and a compose stack."""
