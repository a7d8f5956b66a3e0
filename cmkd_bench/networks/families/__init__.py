"""Families of networks, `<family>/<model>`, one file each."""
