"""They tell us: one file a kind of door; each turns a request's body into signals or says what is wrong with it."""
