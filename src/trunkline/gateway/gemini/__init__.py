"""Google's generateContent as a client speaks it: `…:generateContent`, `…:streamGenerateContent`, `…:countTokens`."""
