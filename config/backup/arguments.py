"""What can be typed after `python -m config.backup`."""

import argparse
from pathlib import Path


def argument_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m config.backup")
    commands = parser.add_subparsers(dest="command", required=True)
    backup = commands.add_parser("backup", help="make a backup in a new folder")
    backup.add_argument("directory", type=Path)
    backup.add_argument(
        "--without-models", action="store_true", help="leave the weights of models out"
    )
    check = commands.add_parser("check", help="look whether a backup is whole, by itself")
    check.add_argument("directory", type=Path)
    restore = commands.add_parser("restore", help="fill an empty installation from a backup")
    restore.add_argument("directory", type=Path)
    verify = commands.add_parser("verify", help="hold this installation against a backup")
    what = verify.add_mutually_exclusive_group(required=True)
    what.add_argument("directory", type=Path, nargs="?", help="a backup that was just restored")
    what.add_argument(
        "--files", action="store_true", help="against its own rows: is each file there, and opens"
    )
    return parser
