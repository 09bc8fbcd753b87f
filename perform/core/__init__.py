"""What every room may use: the parameter table, the shared memory, errors. It imports no other room."""
