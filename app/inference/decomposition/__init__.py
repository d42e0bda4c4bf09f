"""Disagreement taken apart: what more votes would settle, groups that differ, persons who differ, people at odds with themselves."""
