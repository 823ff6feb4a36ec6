"""A class on JupyterHub: who may come in, what each student gets, and what a teacher looks at the evening before.

`classroom/README.md` tells a teacher how to begin. The commands are those of `python -m gptcore.classroom`, a module
for each. Nothing here imports anything slow before it is needed: students' servers load parts of it, too.
"""
