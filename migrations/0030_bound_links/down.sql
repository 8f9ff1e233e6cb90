-- The release before knows neither purpose, and one token for each user and purpose: the newest stays.
DELETE FROM link_tokens WHERE purpose IN ('email_change', 'email_change_cancellation') OR used_at IS NOT NULL;
DELETE FROM link_tokens AS older USING link_tokens AS newer
    WHERE newer.user_id = older.user_id AND newer.purpose = older.purpose AND newer.id > older.id;
DROP INDEX link_tokens_user_id_purpose_idx;
ALTER TABLE link_tokens
    DROP CONSTRAINT link_tokens_email_change_session,
    DROP COLUMN used_at,
    DROP COLUMN session_id,
    DROP CONSTRAINT link_tokens_purpose_known,
    ADD CONSTRAINT link_tokens_purpose_known CHECK (purpose IN (
        'magic_link', 'password_reset', 'invitation', 'email_verification')),
    ADD CONSTRAINT link_tokens_user_id_purpose_key UNIQUE (user_id, purpose);

COMMENT ON TABLE link_tokens IS 'Tokens that were mailed: the one in the newest mail for a user and purpose; a row goes when its token is used.';
COMMENT ON COLUMN link_tokens.purpose IS 'What it opens. An invitation opens what password_reset does, and is not replaced by one.';
COMMENT ON COLUMN link_tokens.email IS 'The address that it was sent to; for email_verification, the one that it proves.';
