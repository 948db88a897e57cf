"""Stand-ins for the providers that the program uses."""
