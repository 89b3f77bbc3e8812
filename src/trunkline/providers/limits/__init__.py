"""What providers say of limits: header families and the words of refusals."""
