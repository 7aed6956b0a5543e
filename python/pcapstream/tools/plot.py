"""Pictures of results, as PNG. The plot library is an extra: imported when a picture is asked for, and only then.

Nothing of the capture's text goes into a picture: labels are ours.
"""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Mapping, Sequence
from typing import Any

from pcapstream.errors import QueryError

WIDTH, HEIGHT = 1000, 420
"""Pixels."""
_DPI = 100
_UNITS = ((1e12, "Tbit/s"), (1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s"), (1.0, "bit/s"))


def check_image(parameters: Mapping[str, Any]) -> None:
    """Raises QueryError(no_plot_library) where a picture is asked for and cannot be made."""
    if parameters["image"] and importlib.util.find_spec("matplotlib") is None:
        raise QueryError("no_plot_library", "an image needs matplotlib, which is not installed with pcapstream")


def rate_png(
    seconds: Sequence[float],
    bits_per_second: Sequence[float],
    width: float,
    start: str,
    series: Sequence[Sequence[float]] = (),
) -> bytes:
    """Rates of equal intervals as steps. seconds: where each begins; width: of an interval, s; start: time of 0;
    series: further lines, bits per second, shown as series_1, series_2 ..."""
    # No pyplot: it keeps figures of its own, and looks for a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    peak = max(bits_per_second, default=0.0)
    scale, unit = next(((factor, name) for factor, name in _UNITS if peak >= factor), _UNITS[-1])
    # One empty interval where there is none.
    values = [rate / scale for rate in bits_per_second] or [0.0]
    edges = [*(seconds or [0.0]), (seconds[-1] if seconds else 0.0) + width]
    figure = Figure(figsize=(WIDTH / _DPI, HEIGHT / _DPI), dpi=_DPI, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.stairs(values, edges, fill=True, alpha=0.35, color="tab:blue")
    axes.stairs(values, edges, color="tab:blue", linewidth=1)
    for number, line in enumerate(series, 1):
        axes.stairs([rate / scale for rate in line] or [0.0], edges, linewidth=1.2, label=f"series_{number}")
    if series:
        axes.legend(loc="upper right")
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(bottom=0)
    axes.set_xlabel(f"seconds since {start}")
    axes.set_ylabel(unit)
    axes.set_title(f"Throughput, intervals of {width:g} s")
    axes.grid(visible=True, alpha=0.3)
    out = io.BytesIO()
    canvas.print_png(out, metadata={"Software": None})
    return out.getvalue()
