"""`python -m nnlab` is `nnlab`."""

from nnlab.cli.app import main

if __name__ == "__main__":
    main()
