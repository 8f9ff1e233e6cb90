CREATE TABLE out_of_band_factors (
    id                  uuid        NOT NULL,
    user_id             uuid        NOT NULL,
    channel             text        NOT NULL,
    state               text        NOT NULL,
    sealed_phone_number bytea,
    created_at          timestamptz NOT NULL,
    expires_at          timestamptz,
    confirmed_at        timestamptz,
    last_used_at        timestamptz,
    CONSTRAINT out_of_band_factors_pkey PRIMARY KEY (id),
    CONSTRAINT out_of_band_factors_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT out_of_band_factors_user_id_channel_state_key UNIQUE (user_id, channel, state),
    CONSTRAINT out_of_band_factors_channel_known CHECK (channel IN ('email', 'sms')),
    CONSTRAINT out_of_band_factors_state_known CHECK (state IN ('pending', 'active')),
    CONSTRAINT out_of_band_factors_phone_number_sms CHECK ((channel = 'sms') = (sealed_phone_number IS NOT NULL)),
    CONSTRAINT out_of_band_factors_pending_expires CHECK ((state = 'pending') = (expires_at IS NOT NULL)),
    CONSTRAINT out_of_band_factors_active_confirmed CHECK ((state = 'active') = (confirmed_at IS NOT NULL))
);

COMMENT ON TABLE out_of_band_factors IS 'Second factors by mail and text message: at most one active and one pending a user and channel.';
COMMENT ON COLUMN out_of_band_factors.id IS 'UUIDv7; bound into sealed_phone_number.';
COMMENT ON COLUMN out_of_band_factors.user_id IS 'Whose it is.';
COMMENT ON COLUMN out_of_band_factors.channel IS 'email: codes to users.email. sms: codes to the phone number.';
COMMENT ON COLUMN out_of_band_factors.state IS 'pending: waits for its first code. active: confirmed.';
COMMENT ON COLUMN out_of_band_factors.sealed_phone_number IS 'The number in E.164 form (encrypted).';
COMMENT ON COLUMN out_of_band_factors.created_at IS 'When it was asked for.';
COMMENT ON COLUMN out_of_band_factors.expires_at IS 'Until when a pending one may be confirmed.';
COMMENT ON COLUMN out_of_band_factors.confirmed_at IS 'When the first code was right.';
COMMENT ON COLUMN out_of_band_factors.last_used_at IS 'When a code of it last opened the second door.';
