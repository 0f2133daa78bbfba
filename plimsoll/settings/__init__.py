"""What an environment is: what may be written, what must hold between values, and where it is read from."""
