CREATE TABLE sent_codes (
    user_id    uuid        NOT NULL,
    session_id uuid        NOT NULL,
    purpose    text        NOT NULL,
    channel    text        NOT NULL,
    code_hash  bytea       NOT NULL,
    attempts   smallint    NOT NULL DEFAULT 0,
    sent_at    timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    CONSTRAINT sent_codes_pkey PRIMARY KEY (user_id, session_id, purpose, channel),
    CONSTRAINT sent_codes_session_fkey FOREIGN KEY (user_id, session_id) REFERENCES sessions (user_id, id) ON DELETE CASCADE,
    CONSTRAINT sent_codes_purpose_known CHECK (purpose IN ('authentication', 'enrolment')),
    CONSTRAINT sent_codes_channel_known CHECK (channel IN ('email', 'sms')),
    CONSTRAINT sent_codes_attempts_counted CHECK (attempts BETWEEN 0 AND 5),
    CONSTRAINT sent_codes_code_hash_length CHECK (octet_length(code_hash) = 32)
);

COMMENT ON TABLE sent_codes IS 'Codes sent by mail and text message: the one valid code for each session, purpose and channel.';
COMMENT ON COLUMN sent_codes.user_id IS 'The account of the session.';
COMMENT ON COLUMN sent_codes.session_id IS 'The session that requested it; the code is valid in no other.';
COMMENT ON COLUMN sent_codes.purpose IS 'authentication: completes a login or a step-up. enrolment: confirms a factor.';
COMMENT ON COLUMN sent_codes.channel IS 'How it was sent.';
COMMENT ON COLUMN sent_codes.code_hash IS 'HMAC-SHA-256 of the session id, the purpose, the channel, the address or number, and the code.';
COMMENT ON COLUMN sent_codes.attempts IS 'Attempts taken; sending another code does not reset them.';
COMMENT ON COLUMN sent_codes.sent_at IS 'When the code was last sent.';
COMMENT ON COLUMN sent_codes.expires_at IS 'When it expires.';
COMMENT ON COLUMN sent_codes.used_at IS 'When it was used.';
