"""The usual words of messages: one file a language, each with every key of English; read when first used."""
