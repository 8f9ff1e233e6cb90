CREATE TABLE signing_keys (
    kid                text        NOT NULL,
    algorithm          text        NOT NULL,
    state              text        NOT NULL,
    sealed_private_key bytea       NOT NULL,
    created_at         timestamptz NOT NULL,
    CONSTRAINT signing_keys_pkey PRIMARY KEY (kid),
    CONSTRAINT signing_keys_algorithm_known CHECK (algorithm IN ('ES256', 'EdDSA', 'RS256')),
    CONSTRAINT signing_keys_state_known CHECK (state IN ('current')),
    CONSTRAINT signing_keys_kid_length CHECK (octet_length(kid) = 43)
);

CREATE UNIQUE INDEX signing_keys_one_current_key ON signing_keys (algorithm) WHERE state = 'current';

COMMENT ON TABLE signing_keys IS 'Keys that sign access tokens, shared by all instances.';
COMMENT ON COLUMN signing_keys.kid IS 'JWK thumbprint (RFC 7638); bound into sealed_private_key.';
COMMENT ON COLUMN signing_keys.algorithm IS 'The one algorithm it signs with.';
COMMENT ON COLUMN signing_keys.state IS 'current: signs.';
COMMENT ON COLUMN signing_keys.sealed_private_key IS 'PKCS #8 (encrypted).';
COMMENT ON COLUMN signing_keys.created_at IS 'When it was made.';
