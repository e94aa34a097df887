"""The agents that propose the next edit: knob search, language model, coding-agent CLI, a mix."""
