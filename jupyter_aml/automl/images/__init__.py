"""Pictures: classes, sets of labels, boxes and outlines, learned on this machine without downloaded weights."""
