"""`python -m camslice`: the command line."""

from camslice.cli.main import program

if __name__ == "__main__":
    program()
