-- Checked on the rows to come: the new set holds all of the old. Invitations that are open stay what they are, so that the
-- previous release still knows them.
ALTER TABLE link_tokens
    DROP CONSTRAINT link_tokens_purpose_known,
    ADD CONSTRAINT link_tokens_purpose_known CHECK (purpose IN (
        'magic_link', 'password_reset', 'invitation', 'email_verification')) NOT VALID;
ALTER TABLE link_tokens VALIDATE CONSTRAINT link_tokens_purpose_known;

COMMENT ON COLUMN link_tokens.purpose IS 'What it opens. An invitation opens what password_reset does, and is not replaced by one.';
