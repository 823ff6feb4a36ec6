"""This project beside its peers, in one run: python -m gptcore.benchmark

All figures are medians of runs that take turns on one machine. Compare the ratios: the figures depend on the machine.
"""
