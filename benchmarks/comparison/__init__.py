"""What is compared: from the command line to runs."""
