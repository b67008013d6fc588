"""The values that settings are made of: one small module per kind, each with the rule that refuses a wrong one."""
