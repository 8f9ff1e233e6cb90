-- One pending authenticator for each session. With one for each account, a stranger who has the password of an account
-- without a factor could throw the owner's away before its first code.
-- The new indexes hold less than the old one, so they build as fast as it did; rows of pending ones last ten minutes.
CREATE UNIQUE INDEX totp_factors_user_id_active_key ON totp_factors (user_id) WHERE state = 'active';
CREATE UNIQUE INDEX totp_factors_user_id_session_id_key ON totp_factors (user_id, session_id);
ALTER TABLE totp_factors DROP CONSTRAINT totp_factors_user_id_state_key;
COMMENT ON TABLE totp_factors IS 'TOTP secrets: at most one active one a user, and one pending one a session.';
