"""The client side: how screens and verbs read a session and reach its engine."""
