"""What refusals mean, whoever sends them: shared by every protocol."""
