"""The glue: one file a verb, called by the command line and the Python interface alike."""
