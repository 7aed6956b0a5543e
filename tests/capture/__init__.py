"""Live capture: real programs on real interfaces, most on loopback."""
