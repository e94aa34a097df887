"""The built-in colour themes as data: one TOML file each."""
