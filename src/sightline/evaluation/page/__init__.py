"""The sections of the report page. Each function takes plain values and returns HTML in which user data is escaped."""
