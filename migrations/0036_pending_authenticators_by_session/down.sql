-- One pending secret a user, as before.
DELETE FROM totp_factors WHERE state = 'pending';
ALTER TABLE totp_factors ADD CONSTRAINT totp_factors_user_id_state_key UNIQUE (user_id, state);
DROP INDEX totp_factors_user_id_session_id_key;
DROP INDEX totp_factors_user_id_active_key;
COMMENT ON TABLE totp_factors IS 'TOTP secrets: at most one active and one pending a user.';
