"""Rights in AWS, both ways: journeys of an operator bound by exactly the table's policy, and what they asked of it."""
