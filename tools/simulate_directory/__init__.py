"""The directory at scale: the real code of every node over a simulated network, in virtual time.

`python -m tools.simulate_directory --help` tells what can be asked.
"""
