"""Arguments of constructors and methods: ranges, checks, and the messages of refusals."""
