"""Networks: their tables (configs), modules (networks), names (registry) and weights."""
