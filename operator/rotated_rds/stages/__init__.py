"""The six stages, one file a condition, each: observe, plan (pure), apply."""
