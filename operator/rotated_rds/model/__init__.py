"""Nouns and rules: pure values that know no client, no clock and no network."""
