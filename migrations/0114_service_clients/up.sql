CREATE TABLE service_clients (
    id          uuid        NOT NULL,
    name        text        NOT NULL,
    secret_hash bytea       NOT NULL,
    created_at  timestamptz NOT NULL,
    CONSTRAINT service_clients_pkey PRIMARY KEY (id),
    CONSTRAINT service_clients_name_key UNIQUE (name),
    CONSTRAINT service_clients_name_length CHECK (length(name) BETWEEN 1 AND 100),
    CONSTRAINT service_clients_secret_hash_length CHECK (octet_length(secret_hash) = 32)
);

COMMENT ON TABLE service_clients IS 'Back ends that may introspect and revoke tokens.';
COMMENT ON COLUMN service_clients.id IS 'UUIDv7; the user part of its HTTP Basic credentials.';
COMMENT ON COLUMN service_clients.name IS 'The name that operators gave it.';
COMMENT ON COLUMN service_clients.secret_hash IS 'HMAC-SHA-256 of the id and the secret.';
COMMENT ON COLUMN service_clients.created_at IS 'When it was created.';
