"""One file an influence: its definition and how it is measured. Word lists are English; other languages read as without it."""
