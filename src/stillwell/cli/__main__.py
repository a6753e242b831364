"""The command as a file that others can run: `python -m stillwell.cli`, and the program that is submitted to Spark."""

from stillwell.cli import main

if __name__ == "__main__":
    main()
