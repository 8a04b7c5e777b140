"""Figures of the operator on the bed, beside what the design promises; a measurement, never a test."""
