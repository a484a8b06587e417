"""The command line: `python -m weft <command>`."""
