"""Single changes of the program, and the rehearsals, tests and policies that notice them: `make mutate-program`."""
