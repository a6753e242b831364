"""The command as a file that others can run: `python -m stillwell.cli`, and what is submitted to a cluster."""

from stillwell.cli import main

if __name__ == "__main__":
    main()
