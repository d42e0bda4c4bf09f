"""What the votes and the work say, as rows and figures for pages, commands and the API. Figures that are not known are None."""
