"""What a student is asked, what others answer, and how it is shown."""
