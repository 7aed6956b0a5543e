"""Packet captures of any size, answered as they stream in."""
