"""How two modalities relate: what teacher and student say and represent of the same test samples."""
