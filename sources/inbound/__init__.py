"""They tell us: one file a kind of door; each turns a request's body into signals or says what is wrong with it."""

PATHS = {"alertmanager": "/api/v2/alerts?key={key}", "generic": "/api/ingest/{key}"}
"""Where the doors of each kind are; Alertmanager's also takes the key as bearer token or basic password."""
