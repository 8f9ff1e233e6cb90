DELETE FROM sessions WHERE parent_id IS NOT NULL;

ALTER TABLE sessions DROP CONSTRAINT sessions_end_reason_known;

ALTER TABLE sessions ADD CONSTRAINT sessions_end_reason_known CHECK (
    end_reason = 'logout'
    OR end_reason = 'revoked'
    OR end_reason = 'evicted'
    OR end_reason = 'refresh_reuse'
    OR end_reason = 'session_limit'
    OR end_reason = 'password_changed'
    OR end_reason = 'expired') NOT VALID;

ALTER TABLE sessions VALIDATE CONSTRAINT sessions_end_reason_known;

ALTER TABLE sessions DROP CONSTRAINT sessions_grant_complete;

ALTER TABLE sessions DROP COLUMN nonce;

ALTER TABLE sessions DROP COLUMN code_challenge;

ALTER TABLE sessions DROP COLUMN redirect_uri;

ALTER TABLE sessions DROP COLUMN audience;

ALTER TABLE sessions DROP COLUMN scopes;

ALTER TABLE sessions DROP COLUMN client_id;

ALTER TABLE sessions DROP COLUMN parent_id;

COMMENT ON TABLE sessions IS 'One row from the first factor to the logout: pending, then active, then ended.';
