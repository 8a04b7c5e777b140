"""The kill walk: the operator's real process is struck at every outside call of a rotation in turn (SAFETY.md A1, A3, A6, C2)."""
