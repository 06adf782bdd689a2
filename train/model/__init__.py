"""The student: front end, audio tower, checkpoint."""
