"""`python -m camslice`: the command line."""

from camslice.cli.main import main

if __name__ == "__main__":
    main()
