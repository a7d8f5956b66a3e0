"""Hydra's configuration groups; `cmkd-bench run KEY=VALUE` overrides them."""
