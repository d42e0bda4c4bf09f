"""What at least three rooms use and what knows no word of the domain. Nothing here imports another room."""
