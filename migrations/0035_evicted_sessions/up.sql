-- Sessions that the owner ended from elsewhere may have been a stranger's: the network of one is not the owner's.
-- Checked on the rows to come: the new set holds all of the old.
ALTER TABLE sessions
    DROP CONSTRAINT sessions_end_reason_known,
    ADD CONSTRAINT sessions_end_reason_known CHECK (end_reason IN (
        'logout', 'revoked', 'evicted', 'refresh_reuse', 'session_limit', 'password_changed', 'account_disabled',
        'expired')) NOT VALID;
ALTER TABLE sessions VALIDATE CONSTRAINT sessions_end_reason_known;
