"""The person's side of the command, one file a subcommand."""
