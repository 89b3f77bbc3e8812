"""Single values as providers write them: JSON, durations, dates."""
