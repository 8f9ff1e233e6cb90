-- One token sets the password of an account: the one that lasts longer.
DELETE FROM link_tokens AS reset USING link_tokens AS invitation
    WHERE reset.purpose = 'password_reset' AND invitation.purpose = 'invitation' AND invitation.user_id = reset.user_id;
UPDATE link_tokens SET purpose = 'password_reset' WHERE purpose = 'invitation';
ALTER TABLE link_tokens
    DROP CONSTRAINT link_tokens_purpose_known,
    ADD CONSTRAINT link_tokens_purpose_known CHECK (purpose IN ('magic_link', 'password_reset', 'email_verification'));
COMMENT ON COLUMN link_tokens.purpose IS 'What it opens.';
