"""The viewer: the pictures of one object in all its bands."""
