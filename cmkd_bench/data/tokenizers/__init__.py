"""Tokenizers, and the choice of one for a network."""
