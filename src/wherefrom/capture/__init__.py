"""Where facts are born: what turns something outside into a record, before it is sent."""
