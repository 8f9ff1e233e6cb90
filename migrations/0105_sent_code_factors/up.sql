CREATE TABLE sent_code_factors (
    id                  uuid        NOT NULL,
    user_id             uuid        NOT NULL,
    channel             text        NOT NULL,
    state               text        NOT NULL,
    session_id          uuid,
    sealed_phone_number bytea,
    created_at          timestamptz NOT NULL,
    expires_at          timestamptz,
    confirmed_at        timestamptz,
    last_used_at        timestamptz,
    CONSTRAINT sent_code_factors_pkey PRIMARY KEY (user_id, id),
    CONSTRAINT sent_code_factors_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT sent_code_factors_user_id_channel_state_key UNIQUE (user_id, channel, state),
    CONSTRAINT sent_code_factors_channel_known CHECK (channel IN ('email', 'sms')),
    CONSTRAINT sent_code_factors_state_known CHECK (state IN ('pending', 'active')),
    CONSTRAINT sent_code_factors_session_pending CHECK (session_id IS NULL OR state = 'pending'),
    CONSTRAINT sent_code_factors_phone_number_sms CHECK ((channel = 'sms') = (sealed_phone_number IS NOT NULL)),
    CONSTRAINT sent_code_factors_pending_expires CHECK ((state = 'pending') = (expires_at IS NOT NULL)),
    CONSTRAINT sent_code_factors_active_confirmed CHECK ((state = 'active') = (confirmed_at IS NOT NULL))
);

COMMENT ON TABLE sent_code_factors IS 'Second factors by mail and text message: at most one active and one pending for each account and channel.';
COMMENT ON COLUMN sent_code_factors.id IS 'UUIDv7; bound into sealed_phone_number.';
COMMENT ON COLUMN sent_code_factors.user_id IS 'The account that it is a factor of.';
COMMENT ON COLUMN sent_code_factors.channel IS 'email: codes to users.email. sms: codes to the phone number.';
COMMENT ON COLUMN sent_code_factors.state IS 'pending: no code was verified yet. active: confirmed.';
COMMENT ON COLUMN sent_code_factors.session_id IS 'While pending, the session that began the enrolment; no other session can confirm it. No foreign key: a deleted session confirms nothing, and a pending row is valid for ten minutes.';
COMMENT ON COLUMN sent_code_factors.sealed_phone_number IS 'The number in E.164 form (encrypted).';
COMMENT ON COLUMN sent_code_factors.created_at IS 'When its enrolment began.';
COMMENT ON COLUMN sent_code_factors.expires_at IS 'Until when a pending factor can be confirmed.';
COMMENT ON COLUMN sent_code_factors.confirmed_at IS 'When the first code was verified.';
COMMENT ON COLUMN sent_code_factors.last_used_at IS 'When a code of it last completed a login.';
