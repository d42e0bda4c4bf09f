"""One file a format of votes. Each says in its docstring which fields it reads."""
