CREATE TABLE passkeys (
    id                uuid        NOT NULL,
    user_id           uuid        NOT NULL,
    credential_id     bytea       NOT NULL,
    algorithm         integer     NOT NULL,
    public_key        bytea       NOT NULL,
    sign_count        bigint      NOT NULL,
    user_verified     boolean     NOT NULL,
    backup_eligible   boolean     NOT NULL,
    backed_up         boolean     NOT NULL,
    transports        text[]      NOT NULL,
    aaguid            uuid        NOT NULL,
    name              text        NOT NULL,
    last_challenge_at timestamptz NOT NULL,
    created_at        timestamptz NOT NULL,
    last_used_at      timestamptz,
    CONSTRAINT passkeys_pkey PRIMARY KEY (user_id, id),
    CONSTRAINT passkeys_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT passkeys_user_id_credential_id_key UNIQUE (user_id, credential_id),
    CONSTRAINT passkeys_credential_id_length CHECK (octet_length(credential_id) BETWEEN 1 AND 1023),
    CONSTRAINT passkeys_algorithm_known CHECK (algorithm IN (-8, -7, -257)),
    CONSTRAINT passkeys_public_key_length CHECK (octet_length(public_key) BETWEEN 32 AND 512),
    CONSTRAINT passkeys_sign_count_unsigned CHECK (sign_count BETWEEN 0 AND 4294967295),
    CONSTRAINT passkeys_backed_up_eligible CHECK (backup_eligible OR NOT backed_up),
    CONSTRAINT passkeys_transports_known CHECK (
        transports <@ ARRAY['ble', 'hybrid', 'internal', 'nfc', 'smart-card', 'usb']),
    CONSTRAINT passkeys_name_length CHECK (char_length(name) BETWEEN 1 AND 64)
);

COMMENT ON TABLE passkeys IS 'WebAuthn credentials: at most twenty for each account.';
COMMENT ON COLUMN passkeys.id IS 'UUIDv7.';
COMMENT ON COLUMN passkeys.user_id IS 'The account that it signs in; the user handle of the credential.';
COMMENT ON COLUMN passkeys.credential_id IS 'The id that the authenticator gave it. Unique for its user.';
COMMENT ON COLUMN passkeys.algorithm IS 'Its signature scheme by its number in COSE. -8: EdDSA. -7: ES256. -257: RS256.';
COMMENT ON COLUMN passkeys.public_key IS 'Ed25519: the key. P-256: the uncompressed point. RSA: the modulus.';
COMMENT ON COLUMN passkeys.sign_count IS 'How often the authenticator said at the last use that it had signed; 0 if it does not count.';
COMMENT ON COLUMN passkeys.user_verified IS 'Whether the authenticator verified its user at the registration.';
COMMENT ON COLUMN passkeys.backup_eligible IS 'Whether the key may leave its device. Never changes.';
COMMENT ON COLUMN passkeys.backed_up IS 'Whether the key was stored elsewhere, too, at the last use.';
COMMENT ON COLUMN passkeys.transports IS 'How browsers reach the authenticator. A hint for them.';
COMMENT ON COLUMN passkeys.aaguid IS 'The model of the authenticator, or zero. It is not signed; a hint for a name.';
COMMENT ON COLUMN passkeys.name IS 'The name that the owner gave it.';
COMMENT ON COLUMN passkeys.last_challenge_at IS 'When the newest challenge that it answered was made. It answers none of that moment or before.';
COMMENT ON COLUMN passkeys.created_at IS 'When it was registered.';
COMMENT ON COLUMN passkeys.last_used_at IS 'When it was last used.';
