"""Command line of the starter model's training: draw, vae, encode, text, unet, polish, export, …"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Final

from gpu_tasks.training.starter import stages
from gpu_tasks.training.starter.catalog import DEFAULT_GUIDANCE, DEFAULT_STEPS
from gpu_tasks.training.starter.evaluation import evaluate_model, find_failures, format_table
from gpu_tasks.training.starter.parallel import configure_logging

MODEL_DIR: Final = Path(__file__).resolve().parents[2] / "starter_model"

# What is trained, for how many minutes on two cores, and what for.
TRAININGS: Final = {
    "vae": (35.0, "train the autoencoder"),
    "text": (3.0, "train the text encoder"),
    "unet": (60.0, "train the denoiser"),
    "polish": (12.0, "train the decoder on, with the encoder frozen"),
}


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m gpu_tasks.training.starter",
        description="Draw a world of pictures and train the starter model on it.",
    )
    parser.add_argument("--work-dir", type=Path, default=Path("~/.cache/easel/starter"))
    parser.add_argument("--model-dir", type=Path, default=MODEL_DIR)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (minutes, purpose) in TRAININGS.items():
        stage = commands.add_parser(name, help=purpose)
        stage.add_argument("--minutes", type=float, default=minutes)
        stage.add_argument("--again", action="store_true", help="another round of the schedule")
    commands.add_parser("draw", help="draw the training set")
    commands.add_parser("encode", help="encode the training set to latents")
    commands.add_parser("export", help="write the model directory")
    every = commands.add_parser("all", help="run every stage and evaluate")
    evaluation = commands.add_parser("evaluate", help="measure how prompts are followed")
    for command in (every, evaluation):
        command.add_argument("--prompts", type=int, default=500)
        command.add_argument("--korean", type=int, default=60)
        command.add_argument("--json", type=Path, default=None)
        command.add_argument("--steps", type=int, default=DEFAULT_STEPS)
        command.add_argument("--guidance", type=float, default=DEFAULT_GUIDANCE)
    evaluation.add_argument("--quick", action="store_true", help="only 100 prompts")
    return parser


def run_evaluation(*, options: argparse.Namespace, prompts: int) -> int:
    """Print the accuracies; return 1 if one of them is below its floor."""
    report = evaluate_model(
        model_dir=options.model_dir,
        work_dir=options.work_dir,
        prompts=prompts,
        korean=options.korean,
        steps=options.steps,
        guidance=options.guidance,
    )
    print(format_table(report=report))
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    failures = find_failures(accuracies=report["all"])
    if failures:
        print(f"Below the floor: {', '.join(failures)}.", file=sys.stderr)
    return 1 if failures else 0


def main() -> int:
    """Run one command; return the exit code."""
    options = build_parser().parse_args()
    options.work_dir = options.work_dir.expanduser()
    configure_logging()
    work = stages.Work(directory=options.work_dir, processes=options.processes)
    command: str = options.command
    train = {
        "vae": stages.train_vae,
        "text": stages.train_text,
        "unet": stages.train_unet,
        "polish": stages.polish_decoder,
    }
    if command == "draw":
        stages.draw(work=work)
    elif command == "encode":
        stages.encode(work=work)
    elif command in train:
        train[command](work=work, minutes=options.minutes, again=options.again)
    elif command == "all":
        stages.draw(work=work)
        for name, (minutes, _) in TRAININGS.items():
            train[name](work=work, minutes=minutes, again=False)
    if command in ("export", "all"):
        stages.export(work=work, target=options.model_dir)
    if command in ("evaluate", "all"):
        quick = getattr(options, "quick", False)
        return run_evaluation(options=options, prompts=100 if quick else options.prompts)
    return 0


if __name__ == "__main__":
    sys.exit(main())
