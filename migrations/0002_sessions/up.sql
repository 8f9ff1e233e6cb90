CREATE TABLE sessions (
    id                  uuid        NOT NULL,
    user_id             uuid        NOT NULL,
    state               text        NOT NULL,
    methods             text[]      NOT NULL,
    password_changed_at timestamptz NOT NULL,
    attempts            smallint    NOT NULL DEFAULT 0,
    refresh_counter     bigint      NOT NULL DEFAULT 0,
    rotated_at          timestamptz,
    auth_time           timestamptz,
    created_at          timestamptz NOT NULL,
    last_used_at        timestamptz NOT NULL,
    expires_at          timestamptz NOT NULL,
    idle_expires_at     timestamptz,
    ip                  inet,
    user_agent          text,
    ended_at            timestamptz,
    end_reason          text,
    CONSTRAINT sessions_pkey PRIMARY KEY (id),
    CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT sessions_state_known CHECK (state IN ('pending', 'active', 'ended')),
    CONSTRAINT sessions_attempts_counted CHECK (attempts BETWEEN 0 AND 5),
    CONSTRAINT sessions_active_complete CHECK (state <> 'active' OR (auth_time IS NOT NULL AND idle_expires_at IS NOT NULL)),
    CONSTRAINT sessions_ended_explained CHECK ((state = 'ended') = (ended_at IS NOT NULL AND end_reason IS NOT NULL)),
    CONSTRAINT sessions_user_agent_short CHECK (length(user_agent) <= 256)
);

CREATE INDEX sessions_user_id_idx ON sessions (user_id);

COMMENT ON TABLE sessions IS 'One row from the password to the logout: pending, then active, then ended.';
COMMENT ON COLUMN sessions.id IS 'UUIDv7; the sid of access tokens, and what pre-auth and refresh tokens name.';
COMMENT ON COLUMN sessions.user_id IS 'Whose it is.';
COMMENT ON COLUMN sessions.state IS 'pending: second factor wanted. active: signed in. ended: over.';
COMMENT ON COLUMN sessions.methods IS 'What was proven, in order; acr and amr follow from it.';
COMMENT ON COLUMN sessions.password_changed_at IS 'users.password_changed_at when the first factor was proven; a pending session dies when they differ.';
COMMENT ON COLUMN sessions.attempts IS 'Second-factor attempts taken while pending.';
COMMENT ON COLUMN sessions.refresh_counter IS 'Which refresh token of the series is the live one.';
COMMENT ON COLUMN sessions.rotated_at IS 'When refresh_counter last went up.';
COMMENT ON COLUMN sessions.auth_time IS 'When the user last proved who they are.';
COMMENT ON COLUMN sessions.created_at IS 'When the first factor was proven.';
COMMENT ON COLUMN sessions.last_used_at IS 'When a token of it was last made.';
COMMENT ON COLUMN sessions.expires_at IS 'Pending: end of the pre-auth token. Active: the end that use does not move.';
COMMENT ON COLUMN sessions.idle_expires_at IS 'The end that use moves, never past expires_at.';
COMMENT ON COLUMN sessions.ip IS 'Where the login came from.';
COMMENT ON COLUMN sessions.user_agent IS 'What the login came from, cut to 256 characters.';
COMMENT ON COLUMN sessions.ended_at IS 'When it ended before its time.';
COMMENT ON COLUMN sessions.end_reason IS 'Why it ended before its time.';
