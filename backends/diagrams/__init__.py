"""Diagrams of models: SVG, PNG, PDF, DOT and Mermaid, with no torch and no Graphviz installed by hand."""

from .render import draw

__all__ = ["draw"]
