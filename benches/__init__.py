"""Measurements: `python -m pytest benches` on a made capture, `python -m benches.figures` beside other programs."""
