"""Where facts are born: what happens in programs, jobs and clusters, as records on the wire."""
