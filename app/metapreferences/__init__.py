"""What people say about how their choices should be read. Promises that an answer is kept as given, that its effect is a patch
which can be taken away and put back, and that which patches held at any moment can be told from the record alone.
"""
