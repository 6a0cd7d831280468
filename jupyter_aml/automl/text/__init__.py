"""Texts: classes, sets of labels, and entities, learned on this machine without downloaded weights."""
