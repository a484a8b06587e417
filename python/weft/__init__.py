"""Weft: a graph compiler for array programs."""
