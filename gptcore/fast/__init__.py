"""The same numbers, sooner. Nothing in here is needed to understand how a GPT writes."""
