"""Live capture: programs that record from network interfaces, held so that none outlives the process that asked."""
