"""A cluster asks before it runs something: reviews come in, are decided, and go back."""
