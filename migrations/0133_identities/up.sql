CREATE TABLE identities (
    user_id      uuid        NOT NULL,
    id           uuid        NOT NULL,
    issuer       text        NOT NULL,
    subject      text        NOT NULL,
    email_seen   text,
    created_at   timestamptz NOT NULL,
    last_used_at timestamptz,
    CONSTRAINT identities_pkey PRIMARY KEY (user_id, id),
    CONSTRAINT identities_subject_key UNIQUE (user_id, issuer, subject),
    CONSTRAINT identities_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT identities_issuer_short CHECK (length(issuer) BETWEEN 1 AND 500),
    CONSTRAINT identities_subject_short CHECK (length(subject) BETWEEN 1 AND 255)
);

COMMENT ON TABLE identities IS 'Who a user is at upstream providers: at most twenty for each account. Issuer and subject together are a name of the account, which account_names has hashed.';
COMMENT ON COLUMN identities.user_id IS 'The account that it signs in to.';
COMMENT ON COLUMN identities.id IS 'UUIDv7.';
COMMENT ON COLUMN identities.issuer IS 'The iss claim of the provider, exactly.';
COMMENT ON COLUMN identities.subject IS 'The sub claim: names the user at that issuer, and is never given to another one.';
COMMENT ON COLUMN identities.email_seen IS 'The address that the provider named last. For the owner to read; no decision rests on it.';
COMMENT ON COLUMN identities.created_at IS 'When it was linked.';
COMMENT ON COLUMN identities.last_used_at IS 'When it last signed its user in.';
COMMENT ON TABLE account_names IS 'Which account has a name: an address, which contains an at sign; a user name; or a user of an upstream provider, federated: and the SHA-256 of issuer and subject. Its key makes names unique, also where the accounts are on several servers. No foreign key: a row outlives a deleted account, and such a key would have to contain the name.';
COMMENT ON COLUMN account_names.name IS 'The canonical address or user name, or the hash of a user of a provider.';
