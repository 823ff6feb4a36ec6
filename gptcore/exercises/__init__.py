"""Self-checks for the exercises of the lessons: each says in one line whether an answer is right, or what is wrong."""
