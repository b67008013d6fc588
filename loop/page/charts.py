"""Pictures as SVG: a shape, and its words for those who do not see it. Its colours are in the style sheet."""

from collections.abc import Sequence
from html import escape

from markupsafe import Markup

WIDTH, HEIGHT = 240, 40


def share_bar(parts: Sequence[tuple[str, float]], label: str) -> Markup:
    """A whole and its parts: the CSS class of each, and its share in percent."""
    at, drawn = 0.0, list[str]()
    for kind, percent in parts:
        drawn.append(f'<rect class="{escape(kind)}" x="{at:.2f}" y="0" width="{max(percent, 0):.2f}" height="8"/>')
        at += percent
    return _svg("share", 100, 8, drawn, label, stretched=True)


def bullet(value: float, limit: float | None, *, beyond: bool, label: str) -> Markup:
    """A number from 0 to 1 as a bar, with a mark where its limit is."""
    drawn = ['<rect class="rail" x="0" y="3" width="100" height="4" rx="2"/>']
    bar = "bar beyond" if beyond else "bar"
    drawn.append(f'<rect class="{bar}" x="0" y="3" width="{100 * min(max(value, 0.0), 1.0):.2f}" height="4" rx="2"/>')
    if limit is not None and limit <= 1:
        drawn.append(f'<rect class="limit" x="{100 * limit - 0.4:.2f}" y="0" width="0.8" height="10"/>')
    return _svg("bullet", 100, 10, drawn, label, stretched=True)


def spark(values: Sequence[float | None], limits: Sequence[float | None], label: str) -> Markup:
    """A number over time, with its limit: gaps where there is none, and a point at the end."""
    known = [each for each in [*values, *limits] if each is not None]
    top = max([*known, 1e-9]) * 1.08
    step = WIDTH / max(len(values) - 1, 1)

    def height(value: float) -> float:
        return HEIGHT - 2 - (HEIGHT - 4) * value / top

    drawn: list[str] = []
    for kind, of in (("limit", limits), ("line", values)):
        drawn += [
            f'<polyline class="{kind}" points="{" ".join(f"{step * x:.1f},{height(y):.1f}" for x, y in run)}"/>'
            for run in _runs(of)
        ]
    last = next(((x, y) for x, y in reversed(list(enumerate(values))) if y is not None), None)
    if last:
        limit = limits[last[0]] if last[0] < len(limits) else None
        kind = "point beyond" if limit is not None and last[1] >= limit else "point"
        drawn.append(f'<circle class="{kind}" cx="{step * last[0]:.1f}" cy="{height(last[1]):.1f}" r="2.5"/>')
    return _svg("spark", WIDTH, HEIGHT, drawn, label)


def _runs(values: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    """The stretches without a gap."""
    runs: list[list[tuple[int, float]]] = [[]]
    for x, y in enumerate(values):
        if y is None:
            runs.append([])
        else:
            runs[-1].append((x, y))
    return [each for each in runs if each]


def beside(reference: Sequence[float], window: Sequence[float], label: str) -> Markup:
    """Two distributions over the same bins: the reference filled, the window as an outline."""
    bins = max(len(reference), len(window), 1)
    top = max([*reference, *window, 1e-9])
    wide = WIDTH / bins
    drawn = [
        f'<rect class="reference" x="{wide * x + 0.5:.1f}" y="{HEIGHT - HEIGHT * y / top:.1f}"'
        f' width="{max(wide - 1, 0.5):.1f}" height="{HEIGHT * y / top:.1f}"/>'
        for x, y in enumerate(reference)
    ]
    steps = [f"{wide * (x + end):.1f},{HEIGHT - HEIGHT * y / top:.1f}" for x, y in enumerate(window) for end in (0, 1)]
    drawn.append(f'<polyline class="window" points="{" ".join(steps)}"/>')
    return _svg("beside", WIDTH, HEIGHT, drawn, label)


def _svg(
    kind: str, width: float, height: float, drawn: Sequence[str], label: str, *, stretched: bool = False
) -> Markup:
    aspect = ' preserveAspectRatio="none"' if stretched else ""
    shape = f'class="{kind}" viewBox="0 0 {width:g} {height:g}"{aspect}'
    return Markup(  # noqa: S704  names are escaped, all else is our numbers
        f'<svg {shape} role="img" aria-label="{escape(label)}">{"".join(drawn)}</svg>'
    )
