ALTER TABLE users ADD COLUMN claims text NOT NULL DEFAULT '{}';

-- The size as the program counts it. No existing row can break it, so validation only reads.
ALTER TABLE users ADD CONSTRAINT users_claims_check CHECK (octet_length(claims) <= 2048) NOT VALID;

ALTER TABLE users VALIDATE CONSTRAINT users_claims_check;

COMMENT ON COLUMN users.claims IS 'What back ends keep about the user for tokens (their member app): a JSON object, as text because it is written to tokens byte by byte and never searched.';
