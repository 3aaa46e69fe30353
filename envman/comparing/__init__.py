"""What `envman compare` is made of: facts, a copy to measure with, figures, advice, and the two ways to show them."""
