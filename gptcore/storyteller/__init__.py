"""The model that comes with gptcore, and the program that makes it and measures it: `python -m gptcore.storyteller`."""
