"""The model that comes with gptcore, and the program that makes and measures it: `python -m gptcore.storyteller`."""
