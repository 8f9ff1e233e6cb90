ALTER TABLE sessions DROP COLUMN dpop_nonce_at;
ALTER TABLE sessions DROP COLUMN key_thumbprint;
