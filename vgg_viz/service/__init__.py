"""The model service: one protocol, interchangeable engines."""
