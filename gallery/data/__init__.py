"""The corpora of the field, each in the layout that its authors publish."""
