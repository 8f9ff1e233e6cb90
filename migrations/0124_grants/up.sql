ALTER TABLE sessions ADD COLUMN parent_id uuid;

ALTER TABLE sessions ADD COLUMN client_id uuid;

ALTER TABLE sessions ADD COLUMN scopes text[];

ALTER TABLE sessions ADD COLUMN audience text;

ALTER TABLE sessions ADD COLUMN redirect_uri text;

ALTER TABLE sessions ADD COLUMN code_challenge bytea;

ALTER TABLE sessions ADD COLUMN nonce text;

ALTER TABLE sessions ADD CONSTRAINT sessions_grant_complete CHECK (
    (parent_id IS NULL) = (client_id IS NULL) AND (parent_id IS NULL) = (scopes IS NULL) AND (parent_id IS NULL) = (audience IS NULL)) NOT VALID;

ALTER TABLE sessions VALIDATE CONSTRAINT sessions_grant_complete;

ALTER TABLE sessions DROP CONSTRAINT sessions_end_reason_known;

ALTER TABLE sessions ADD CONSTRAINT sessions_end_reason_known CHECK (
    end_reason = 'logout'
    OR end_reason = 'revoked'
    OR end_reason = 'evicted'
    OR end_reason = 'refresh_reuse'
    OR end_reason = 'code_reuse'
    OR end_reason = 'session_limit'
    OR end_reason = 'password_changed'
    OR end_reason = 'expired') NOT VALID;

ALTER TABLE sessions VALIDATE CONSTRAINT sessions_end_reason_known;

COMMENT ON TABLE sessions IS 'One row from the first factor to the logout: pending, then active, then ended. A grant to an application is a row that names its parent: pending while its authorization code is valid, then active.';
COMMENT ON COLUMN sessions.parent_id IS 'The session that the user granted in. NULL: it is not a grant. Ending the parent ends the grant; no foreign key, since retention deletes rows by their age.';
COMMENT ON COLUMN sessions.client_id IS 'The application that it is a grant to. No foreign key: deleting an application ends its grants first, and their rows stay for the owner to read.';
COMMENT ON COLUMN sessions.scopes IS 'What was granted.';
COMMENT ON COLUMN sessions.audience IS 'The resource that its access tokens are for.';
COMMENT ON COLUMN sessions.redirect_uri IS 'Where the authorization code was sent. NULL: there was no code.';
COMMENT ON COLUMN sessions.code_challenge IS 'SHA-256 of the verifier that the authorization code is redeemed with (RFC 7636). NULL: there was no code.';
COMMENT ON COLUMN sessions.nonce IS 'What the application bound the first ID token to.';
