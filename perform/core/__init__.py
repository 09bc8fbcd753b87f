"""The base of all packages: parameters, shared memory, messages, files, errors. It imports no other room."""
