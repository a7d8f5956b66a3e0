"""`python -m cmkd_bench`."""

from cmkd_bench.cli import main

if __name__ == "__main__":
    main()
