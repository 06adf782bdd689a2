"""Names of the forms that records are written in, for whoever needs no more than these."""

FORM_NAMES = ("csv", "raven", "audacity", "kaleidoscope", "r", "jsonl", "parquet")
"""Of `edge.report.forms.FORMS`, in its order."""
