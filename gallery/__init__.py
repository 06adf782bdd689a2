"""The gallery: pictures of the species, embedded once in the teacher's space."""
