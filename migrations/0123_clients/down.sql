DELETE FROM clients WHERE kind <> 'service' OR secret_hash IS NULL;

ALTER TABLE clients DROP CONSTRAINT clients_previous_secret_complete;

ALTER TABLE clients DROP CONSTRAINT clients_secret_kept;

ALTER TABLE clients DROP CONSTRAINT clients_kind_known;

ALTER TABLE clients ALTER COLUMN secret_hash SET NOT NULL;

ALTER TABLE clients DROP COLUMN previous_secret_expires_at;

ALTER TABLE clients DROP COLUMN previous_secret_hash;

ALTER TABLE clients DROP COLUMN jwks;

ALTER TABLE clients DROP COLUMN scopes;

ALTER TABLE clients DROP COLUMN audiences;

ALTER TABLE clients DROP COLUMN post_logout_redirect_uris;

ALTER TABLE clients DROP COLUMN redirect_uris;

ALTER TABLE clients DROP COLUMN first_party;

ALTER TABLE clients DROP COLUMN kind;

DROP VIEW service_clients;

ALTER TABLE clients RENAME TO service_clients;

COMMENT ON TABLE service_clients IS 'Back ends that may introspect and revoke tokens.';
COMMENT ON COLUMN service_clients.id IS 'UUIDv7; the user part of its HTTP Basic credentials.';
COMMENT ON COLUMN service_clients.secret_hash IS 'HMAC-SHA-256 of the id and the secret.';
