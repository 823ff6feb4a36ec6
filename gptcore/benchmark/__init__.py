"""This project beside its peers, in one run: python -m gptcore.benchmark

All figures are medians of interleaved runs on one machine. Read the ratios: the numbers themselves are the machine's.
"""
