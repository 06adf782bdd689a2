"""The machine: its clock, memory and log."""
