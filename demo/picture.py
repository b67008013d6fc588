"""The picture of the story: the AUC of each way by step, and what the loop saw and did when."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import pandas as pd
from matplotlib.ticker import MaxNLocator

from demo.state import Play
from demo.story import WAYS, phase, waiting

COLORS: Final[Mapping[str, str]] = dict(zip(WAYS, ("#8a8f98", "#c98b2b", "#1f6feb"), strict=True))


def draw(found: pd.DataFrame, play: Play, file: Path) -> None:
    """As SVG and as PNG beside each other."""
    mpl.use("svg")
    from matplotlib import pyplot as plt  # noqa: PLC0415  # with the backend chosen above

    figure, axes = plt.subplots(figsize=(9, 4.4), layout="constrained")
    shift = [number for number, name in phase(play).items() if name.startswith("shift")]
    axes.axvspan(min(shift) + 0.5, max(shift) + 1.5, color="#f2e6d5", label="people in group quarters", zorder=0)
    styles: dict[str, Any] = dict.fromkeys(WAYS, "--") | {"the loop": "-", waiting(play): ":"}
    for way in found.columns:
        color = COLORS.get(way, COLORS["the loop"])
        axes.plot(
            found.index + 1, found[way], styles[way], color=color, label=way, linewidth=2, marker="o", markersize=3
        )
    _marks(axes, play)
    axes.set(xlabel="step: 1000 people of the census, in its order", ylabel="AUC", xlim=(0.5, len(found) + 0.5))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", color="#e4e6ea", linewidth=0.6)
    axes.legend(loc="lower right", frameon=False, fontsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for suffix in (".svg", ".png"):
        figure.savefig(file.with_suffix(suffix), dpi=130)
    plt.close(figure)


def _marks(axes: Any, play: Play) -> None:
    marks = {"drift found": min(play.drift.values(), default=None), "fall found": min(play.falls, default=None)}
    if play.trained_after is not None:
        marks["training"] = play.trained_after + 1
    if play.proposed:
        words = "is approved" if play.approved else "waits"
        marks[f"version {play.proposed} {words}"] = (play.trained_after or 0) + 1
    places: dict[int, list[str]] = {}
    for name, step in marks.items():
        if step is not None:
            places.setdefault(step, []).append(name)
    for place, (step, names) in enumerate(sorted(places.items())):
        axes.axvline(step + 0.4, color="#57606a", linewidth=0.8, linestyle=":")
        axes.text(
            step + 0.45,
            0.99 - 0.1 * (place % 3),
            "\n".join(names),
            transform=axes.get_xaxis_transform(),
            fontsize=8,
            va="top",
        )
