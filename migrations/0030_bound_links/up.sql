-- Several mails of a purpose count side by side. With one row for each user and purpose, a stranger who asked again killed
-- the link that the owner was about to press.
ALTER TABLE link_tokens
    DROP CONSTRAINT link_tokens_user_id_purpose_key,
    ADD COLUMN session_id uuid,
    ADD COLUMN used_at timestamptz,
    DROP CONSTRAINT link_tokens_purpose_known,
    ADD CONSTRAINT link_tokens_purpose_known CHECK (purpose IN (
        'magic_link', 'password_reset', 'invitation', 'email_verification', 'email_change',
        'email_change_cancellation')) NOT VALID,
    ADD CONSTRAINT link_tokens_email_change_session
        CHECK ((purpose = 'email_change') = (session_id IS NOT NULL)) NOT VALID;
ALTER TABLE link_tokens
    VALIDATE CONSTRAINT link_tokens_purpose_known,
    VALIDATE CONSTRAINT link_tokens_email_change_session;

-- Rows live for a day at most, so the table is small, and building this takes no time worth a concurrent build.
CREATE INDEX link_tokens_user_id_purpose_idx ON link_tokens (user_id, purpose);

COMMENT ON TABLE link_tokens IS 'Tokens that were mailed, one row for each mail. What ends a token removes its row; a used one stays, marked, until its time is over.';
COMMENT ON COLUMN link_tokens.purpose IS 'What it opens. An invitation opens what password_reset does. email_verification proves the account''s own address, email_change puts another one in its place, and email_change_cancellation stops that.';
COMMENT ON COLUMN link_tokens.email IS 'The address that it was sent to. For email_change, the one that the account is to have.';
COMMENT ON COLUMN link_tokens.session_id IS 'For email_change, the session that asked for it: the token counts only while that session lives. No foreign key: a session that was deleted does not live, and the row lasts a day.';
COMMENT ON COLUMN link_tokens.used_at IS 'When it was used. A token is used once; sending it again changes nothing.';
