"""Write the package of a new method or dataset: a small one that already works, to be changed."""
