"""Gradcheck: every derivative of a network against exact and numeric ones, and defects that it has to catch."""
