"""The demo: the main job and two mishaps on real parts, each claim checked; `python -m tests.demo`."""
