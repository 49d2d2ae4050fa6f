"""The picture of docs/cost.md: what the services cost before and after the measures."""

from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt

from config.infrastructure.cost.model import Estimate
from config.infrastructure.cost.options import PLANNED_DOLLARS, after_measures

PAPER, INK, BAR, LINE = "#fbfaf7", "#33312e", "#2f6db3", "#b4531f"
# The services that are smaller are one bar.
SMALLEST = 50.0


def draw(estimate: Estimate, path: Path) -> None:
    """Draw a bar for each of the larger services, and one for the rest, beside the figure."""
    mpl.use("svg")
    mpl.rcParams.update(
        {
            "svg.hashsalt": "easel",
            # Text stays text: smaller files, and it can be searched.
            "svg.fonttype": "none",
            "font.family": "sans-serif",
            "font.size": 9,
            "figure.facecolor": PAPER,
            "axes.facecolor": PAPER,
            "axes.edgecolor": INK,
            "axes.labelcolor": INK,
            "text.color": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.color": INK,
            "grid.alpha": 0.12,
        }
    )
    large = sorted(
        ((line.service, line.dollars) for line in estimate.lines if line.dollars >= SMALLEST),
        key=lambda pair: -pair[1],
    )
    small = [line.dollars for line in estimate.lines if line.dollars < SMALLEST]
    bars = [*large, (f"{len(small)} smaller ones", sum(small))]
    _figure, axes = plt.subplots(figsize=(8, 4.2))
    names, dollars = [name for name, _ in bars], [value for _, value in bars]
    axes.barh(names, dollars, color=BAR, height=0.65)
    axes.invert_yaxis()
    for place, value in enumerate(dollars):
        axes.text(value + 40, place, f"${value:,.0f}", va="center", fontsize=8)
    axes.axvline(PLANNED_DOLLARS, color=LINE, linestyle="--", linewidth=1)
    axes.text(
        PLANNED_DOLLARS + 40,
        len(bars) - 0.5,
        f"planned for everything: ${PLANNED_DOLLARS:,.0f}",
        color=LINE,
        va="bottom",
        fontsize=8,
    )
    axes.set_xlim(0, max(dollars) * 1.12)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("$ a month, list prices")
    total, after = estimate.total, after_measures(estimate)
    axes.set_title(rf"\${total:,.0f} a month, \${after:,.0f} after the measures", loc="left")
    path.parent.mkdir(parents=True, exist_ok=True)
    plt.tight_layout()
    # Without a date, so that the same figures give the same file.
    plt.savefig(path, metadata={"Date": None})
    plt.close()
    # matplotlib ends lines with blanks, which our own hooks would take away again.
    text = path.read_text(encoding="utf-8")
    path.write_text("\n".join(line.rstrip() for line in text.splitlines()) + "\n", encoding="utf-8")
