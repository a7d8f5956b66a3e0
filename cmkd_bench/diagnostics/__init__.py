"""Diagnose how two modalities relate: compare teacher and student outputs for the same test samples."""
