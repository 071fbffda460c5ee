"""Identity from hop to hop: one correlation id and one reality, over HTTP, queues and threads."""
