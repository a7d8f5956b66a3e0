"""Tokenizers, and which one a network needs."""
