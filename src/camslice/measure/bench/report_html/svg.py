"""As much of SVG as the plots need. Colours and fonts come from the page's style, by class."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

Point = tuple[float, float]


def element(tag: str, *inner: str, **attributes: str | float) -> str:
    """One element. An attribute is written with _ for - (and `class_` for class); numbers to a tenth of a pixel."""
    written = "".join(f' {_name(name)}="{escape(_value(value))}"' for name, value in attributes.items())
    return f"<{tag}{written}>{''.join(inner)}</{tag}>"


def text(words: str, x: float, y: float, class_: str = "", anchor: str = "start") -> str:
    """A line of text."""
    return element("text", escape(words), x=x, y=y, class_=class_, text_anchor=anchor)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> str:
    """A straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def rectangle(x: float, y: float, width: float, height: float, class_: str, tip: str = "") -> str:
    """A rectangle; `tip` is shown under the pointer and read aloud."""
    inner = (element("title", escape(tip)),) if tip else ()
    return element("rect", *inner, x=x, y=y, width=max(width, 0.0), height=height, class_=class_)


def area(points: Sequence[Point], floor: float, class_: str) -> str:
    """The area between a curve and the line y = `floor`."""
    along = " ".join(f"L{x:.1f} {y:.1f}" for x, y in points)
    return element("path", d=f"M{points[0][0]:.1f} {floor:.1f} {along} L{points[-1][0]:.1f} {floor:.1f} Z", class_=class_)


def drawing(width: float, height: float, label: str, *inner: str) -> str:
    """The whole plot, as wide as the page lets it be; `label` tells what it shows."""
    return element("svg", *inner, viewBox=f"0 0 {width:g} {height:g}", role="img", aria_label=label)


def _name(name: str) -> str:
    return name if name == "viewBox" else name.rstrip("_").replace("_", "-")


def _value(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")
