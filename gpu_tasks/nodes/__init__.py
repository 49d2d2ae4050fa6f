"""The nodes of workflows: declared once, checked on the web side, run by workers.

Nothing here imports Django, and nothing imports torch before a node runs.
"""
