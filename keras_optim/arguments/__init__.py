"""Arguments: what constructors and methods take, and the messages about what they refuse."""
