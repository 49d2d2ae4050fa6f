"""Command line of the ControlNet's training: train, export, evaluate, or all of them."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path
from typing import Final

import torch

from gpu_tasks.training.controlnet.evaluation import (
    evaluate_controlnet,
    find_failures,
    format_table,
)
from gpu_tasks.training.controlnet.export import export_controlnet
from gpu_tasks.training.controlnet.training import load_average, train_controlnet
from gpu_tasks.training.starter.parallel import configure_logging

_PRODUCT: Final = Path(__file__).resolve().parents[2]
DEFAULT_MINUTES: Final = 40.0
DEFAULT_PROMPTS: Final = 120

logger = logging.getLogger(__name__)


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m gpu_tasks.training.controlnet",
        description="Train a ControlNet that makes the starter model follow drawn edges.",
    )
    parser.add_argument("--work-dir", type=Path, default=Path("~/.cache/easel/controlnet"))
    parser.add_argument("--model-dir", type=Path, default=_PRODUCT / "starter_model")
    parser.add_argument("--controlnet-dir", type=Path, default=_PRODUCT / "starter_controlnet")
    parser.add_argument("--threads", type=int, default=1)
    commands = parser.add_subparsers(dest="command", required=True)
    every = commands.add_parser("all", help="train, export and evaluate")
    training = commands.add_parser("train", help="draw the training set and train")
    commands.add_parser("export", help="write the directory of the ControlNet")
    evaluation = commands.add_parser("evaluate", help="measure how drawn edges are followed")
    for command in (every, training):
        command.add_argument("--minutes", type=float, default=DEFAULT_MINUTES)
    for command in (every, evaluation):
        command.add_argument("--prompts", type=int, default=DEFAULT_PROMPTS)
        command.add_argument("--json", type=Path, default=None)
    return parser


def run_evaluation(*, options: argparse.Namespace) -> int:
    """Print the figures; return 1 if one of them misses its limit."""
    report = evaluate_controlnet(
        model_dir=options.model_dir,
        controlnet_dir=options.controlnet_dir,
        prompts=options.prompts,
    )
    print(format_table(report=report))
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    failures = find_failures(figures=report["all"])
    if failures:
        print(f"Beyond the limit: {', '.join(failures)}.", file=sys.stderr)
    return 1 if failures else 0


def main() -> int:
    """Run one command; return the exit code."""
    options = build_parser().parse_args()
    work_dir: Path = options.work_dir.expanduser()
    configure_logging()
    torch.set_num_threads(options.threads)
    command: str = options.command
    if command in ("train", "all"):
        train_controlnet(model_dir=options.model_dir, work_dir=work_dir, minutes=options.minutes)
    if command in ("export", "all"):
        size = export_controlnet(
            controlnet=load_average(model_dir=options.model_dir, work_dir=work_dir),
            target=options.controlnet_dir,
        )
        logger.info("wrote %s, weights of %d bytes", options.controlnet_dir, size)
    if command in ("evaluate", "all"):
        return run_evaluation(options=options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
