"""The life of a worker process: shutdown, spot notices, heartbeat, watchdog, memory.

Knows neither Django nor torch; `gpu_tasks/runner/process.py` ties it to both.
"""
