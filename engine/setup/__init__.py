"""What happens before a session runs: detecting settings, planning, opening."""
