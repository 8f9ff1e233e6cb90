CREATE TABLE one_time_codes (
    session_id uuid        NOT NULL,
    purpose    text        NOT NULL,
    channel    text        NOT NULL,
    code_hash  bytea       NOT NULL,
    attempts   smallint    NOT NULL DEFAULT 0,
    sent_at    timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    CONSTRAINT one_time_codes_pkey PRIMARY KEY (session_id, purpose, channel),
    CONSTRAINT one_time_codes_session_id_fkey FOREIGN KEY (session_id) REFERENCES sessions (id) ON DELETE CASCADE,
    CONSTRAINT one_time_codes_purpose_known CHECK (purpose IN ('authentication', 'enrolment')),
    CONSTRAINT one_time_codes_channel_known CHECK (channel IN ('email', 'sms')),
    CONSTRAINT one_time_codes_attempts_counted CHECK (attempts BETWEEN 0 AND 5),
    CONSTRAINT one_time_codes_code_hash_length CHECK (octet_length(code_hash) = 32)
);

COMMENT ON TABLE one_time_codes IS 'Codes sent by mail and text message: the one that counts for a session, a purpose and a channel.';
COMMENT ON COLUMN one_time_codes.session_id IS 'The session that asked; in no other is the code worth anything.';
COMMENT ON COLUMN one_time_codes.purpose IS 'authentication: opens the second door, or steps up. enrolment: confirms a factor.';
COMMENT ON COLUMN one_time_codes.channel IS 'The way it was sent.';
COMMENT ON COLUMN one_time_codes.code_hash IS 'HMAC-SHA-256 of the session id, the purpose, the channel, the address or number, and the code.';
COMMENT ON COLUMN one_time_codes.attempts IS 'Attempts taken; sending anew does not begin anew.';
COMMENT ON COLUMN one_time_codes.sent_at IS 'When the code was last sent.';
COMMENT ON COLUMN one_time_codes.expires_at IS 'Until when it counts.';
COMMENT ON COLUMN one_time_codes.used_at IS 'When it was spent.';
