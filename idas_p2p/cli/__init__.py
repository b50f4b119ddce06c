"""Arguments to node calls; prints answers and errors for people and for programs."""
