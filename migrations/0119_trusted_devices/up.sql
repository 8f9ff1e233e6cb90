ALTER TABLE users ADD COLUMN factor_epoch integer NOT NULL DEFAULT 0;

COMMENT ON COLUMN users.factor_epoch IS 'How often what the owner signs in with has changed, or all sessions were ended. A trusted device counts for one epoch.';

CREATE TABLE trusted_devices (
    id           uuid        NOT NULL,
    user_id      uuid        NOT NULL,
    counter      bigint      NOT NULL,
    rotated_at   timestamptz,
    factor_epoch integer     NOT NULL,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    last_used_at timestamptz,
    ip           inet,
    user_agent   text,
    CONSTRAINT trusted_devices_pkey PRIMARY KEY (user_id, id),
    CONSTRAINT trusted_devices_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT trusted_devices_counter_positive CHECK (counter > 0),
    CONSTRAINT trusted_devices_user_agent_short CHECK (length(user_agent) <= 256)
);

-- Retention finds rows by the time in their id.
CREATE INDEX trusted_devices_id_idx ON trusted_devices (id);

COMMENT ON TABLE trusted_devices IS 'Browsers and apps that spare their user the second factor at sign-in: at most ten for each account.';
COMMENT ON COLUMN trusted_devices.id IS 'UUIDv7.';
COMMENT ON COLUMN trusted_devices.user_id IS 'The account that it spares the second factor of.';
COMMENT ON COLUMN trusted_devices.counter IS 'Which device token of the series is the live one.';
COMMENT ON COLUMN trusted_devices.rotated_at IS 'When counter was last increased.';
COMMENT ON COLUMN trusted_devices.factor_epoch IS 'users.factor_epoch when it was trusted. It counts for nothing when they differ.';
COMMENT ON COLUMN trusted_devices.created_at IS 'When it was trusted.';
COMMENT ON COLUMN trusted_devices.expires_at IS 'The end that use does not move.';
COMMENT ON COLUMN trusted_devices.last_used_at IS 'When it last spared its user the second factor.';
COMMENT ON COLUMN trusted_devices.ip IS 'The address that it was trusted at. For the owner to read; no decision rests on it.';
COMMENT ON COLUMN trusted_devices.user_agent IS 'The User-Agent of that request, cut to 256 characters. For the owner to read; no decision rests on it.';
