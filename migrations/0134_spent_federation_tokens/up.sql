CREATE TABLE spent_federation_tokens (
    user_id uuid NOT NULL,
    id      uuid NOT NULL,
    CONSTRAINT spent_federation_tokens_pkey PRIMARY KEY (user_id, id),
    CONSTRAINT spent_federation_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
);

-- Retention finds rows by the time in their id.
CREATE INDEX spent_federation_tokens_id_idx ON spent_federation_tokens (id);

COMMENT ON TABLE spent_federation_tokens IS 'Sign-ins at providers that were finished: none is finished twice. A row is written after everything else was right.';
COMMENT ON COLUMN spent_federation_tokens.user_id IS 'The account that was signed in to, or that the identity was linked to.';
COMMENT ON COLUMN spent_federation_tokens.id IS 'UUIDv7 of the federation token: when the sign-in was started.';
