"""What stages do in several places at once: a change in the database and AWS's label under one lock."""
