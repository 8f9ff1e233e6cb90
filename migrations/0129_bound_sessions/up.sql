ALTER TABLE sessions ADD COLUMN key_thumbprint bytea;
ALTER TABLE sessions ADD COLUMN dpop_nonce_at timestamptz;

COMMENT ON COLUMN sessions.key_thumbprint IS 'The SHA-256 of the key that the session is bound to (RFC 9449), set when it begins. Of a grant that waits for its code: the key that has to redeem it, if the request named one.';
COMMENT ON COLUMN sessions.dpop_nonce_at IS 'When the newest nonce that allowed a change was made. None of that moment or before allows another.';
