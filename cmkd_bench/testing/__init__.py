"""Tests that a method gets for free, also a third party's."""
