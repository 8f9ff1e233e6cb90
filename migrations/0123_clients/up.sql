ALTER TABLE service_clients RENAME TO clients;

-- The previous release reads its service clients under the old name while instances are upgraded one by one.
CREATE VIEW service_clients AS SELECT id, name, secret_hash, created_at FROM clients;

ALTER TABLE clients ADD COLUMN kind text NOT NULL DEFAULT 'service';

ALTER TABLE clients ADD COLUMN first_party boolean NOT NULL DEFAULT false;

ALTER TABLE clients ADD COLUMN redirect_uris text[] NOT NULL DEFAULT '{}';

ALTER TABLE clients ADD COLUMN post_logout_redirect_uris text[] NOT NULL DEFAULT '{}';

ALTER TABLE clients ADD COLUMN audiences text[] NOT NULL DEFAULT '{}';

ALTER TABLE clients ADD COLUMN scopes text[] NOT NULL DEFAULT '{}';

ALTER TABLE clients ADD COLUMN jwks text;

ALTER TABLE clients ADD COLUMN previous_secret_hash bytea;

ALTER TABLE clients ADD COLUMN previous_secret_expires_at timestamptz;

ALTER TABLE clients ALTER COLUMN secret_hash DROP NOT NULL;

ALTER TABLE clients ADD CONSTRAINT clients_kind_known CHECK (kind = 'public' OR kind = 'confidential' OR kind = 'service');

ALTER TABLE clients ADD CONSTRAINT clients_secret_kept CHECK (kind <> 'public' OR (secret_hash IS NULL AND jwks IS NULL));

ALTER TABLE clients ADD CONSTRAINT clients_previous_secret_complete CHECK ((previous_secret_hash IS NULL) = (previous_secret_expires_at IS NULL));

COMMENT ON TABLE clients IS 'Programs that get tokens: applications that users sign in to, and back ends that act for themselves.';
COMMENT ON COLUMN clients.id IS 'UUIDv7; the client_id.';
COMMENT ON COLUMN clients.secret_hash IS 'HMAC-SHA-256 of the id and the secret. NULL: it has none.';
COMMENT ON COLUMN clients.kind IS 'public: an application that cannot keep a secret. confidential: an application that can. service: a back end, without users.';
COMMENT ON COLUMN clients.first_party IS 'Whether it belongs to the deployment: users are not asked for consent.';
COMMENT ON COLUMN clients.redirect_uris IS 'Where users are sent with an authorization code, compared as a whole.';
COMMENT ON COLUMN clients.post_logout_redirect_uris IS 'Where users may be sent after a logout, compared as a whole.';
COMMENT ON COLUMN clients.audiences IS 'The resources that it may get tokens for. The first one is used if a request names none.';
COMMENT ON COLUMN clients.scopes IS 'The scopes that it may get.';
COMMENT ON COLUMN clients.jwks IS 'The public keys that it signs its assertions with (RFC 7523), as a JWK set. NULL: it has a secret, or nothing.';
COMMENT ON COLUMN clients.previous_secret_hash IS 'The hash of the secret before the newest one.';
COMMENT ON COLUMN clients.previous_secret_expires_at IS 'Until when that secret is accepted.';
