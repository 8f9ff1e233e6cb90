CREATE TABLE signing_keys (
    kid                text        NOT NULL,
    algorithm          text        NOT NULL,
    state              text        NOT NULL,
    sealed_private_key bytea       NOT NULL,
    created_at         timestamptz NOT NULL,
    activated_at       timestamptz,
    retired_at         timestamptz,
    CONSTRAINT signing_keys_pkey PRIMARY KEY (kid),
    CONSTRAINT signing_keys_algorithm_known CHECK (algorithm IN ('ES256', 'EdDSA', 'RS256')),
    CONSTRAINT signing_keys_state_known CHECK (state IN ('next', 'current', 'retired')),
    CONSTRAINT signing_keys_times_fit CHECK (
        (state <> 'next' OR activated_at IS NULL) AND (retired_at IS NOT NULL) = (state = 'retired')),
    CONSTRAINT signing_keys_kid_length CHECK (octet_length(kid) = 43)
);

-- One next and one current key, whatever their algorithms.
CREATE UNIQUE INDEX signing_keys_one_in_each_place ON signing_keys (state) WHERE state IN ('next', 'current');

COMMENT ON TABLE signing_keys IS 'Keys that sign access tokens, shared by all instances.';
COMMENT ON COLUMN signing_keys.kid IS 'JWK thumbprint (RFC 7638); bound into sealed_private_key.';
COMMENT ON COLUMN signing_keys.algorithm IS 'The only algorithm that it signs with.';
COMMENT ON COLUMN signing_keys.state IS 'next: published, does not sign yet. current: signs. retired: kept until its tokens have expired.';
COMMENT ON COLUMN signing_keys.sealed_private_key IS 'PKCS #8 (encrypted).';
COMMENT ON COLUMN signing_keys.created_at IS 'When it was created.';
COMMENT ON COLUMN signing_keys.activated_at IS 'When it began to sign.';
COMMENT ON COLUMN signing_keys.retired_at IS 'When it signed for the last time.';
