"""The rotated-RDS operator: rotate a database password, verify it, mirror it, restart who depends on it."""

__version__ = "0.1.0"
