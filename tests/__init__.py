"""The tests of pcapstream."""
