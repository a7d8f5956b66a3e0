"""Hydra's configuration, composed per dataset, checked, and read into plain dataclasses."""
