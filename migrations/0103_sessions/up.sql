CREATE TABLE sessions (
    id                  uuid          NOT NULL,
    user_id             uuid          NOT NULL,
    state               text          NOT NULL,
    methods             text[]        NOT NULL,
    proved_at           timestamptz[] NOT NULL,
    password_changed_at timestamptz   NOT NULL,
    attempts            smallint      NOT NULL DEFAULT 0,
    delivery            text          NOT NULL DEFAULT 'body',
    refresh_counter     bigint        NOT NULL DEFAULT 0,
    rotated_at          timestamptz,
    step_up_counter     bigint,
    stepped_up_at       timestamptz,
    created_at          timestamptz   NOT NULL,
    last_used_at        timestamptz   NOT NULL,
    expires_at          timestamptz   NOT NULL,
    idle_expires_at     timestamptz,
    ip                  inet,
    user_agent          text,
    ended_at            timestamptz,
    end_reason          text,
    CONSTRAINT sessions_pkey PRIMARY KEY (user_id, id),
    CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT sessions_state_known CHECK (state IN ('pending', 'active', 'ended')),
    CONSTRAINT sessions_proofs_timed CHECK (
        cardinality(proved_at) = cardinality(methods) AND array_position(proved_at, NULL) IS NULL),
    CONSTRAINT sessions_attempts_counted CHECK (attempts BETWEEN 0 AND 5),
    CONSTRAINT sessions_delivery_known CHECK (delivery IN ('body', 'cookie')),
    CONSTRAINT sessions_step_up_complete CHECK ((step_up_counter IS NULL) = (stepped_up_at IS NULL)),
    CONSTRAINT sessions_active_complete CHECK (state <> 'active' OR idle_expires_at IS NOT NULL),
    CONSTRAINT sessions_ended_explained CHECK ((state = 'ended') = (ended_at IS NOT NULL AND end_reason IS NOT NULL)),
    CONSTRAINT sessions_end_reason_known CHECK (end_reason IN (
        'logout', 'revoked', 'evicted', 'refresh_reuse', 'session_limit', 'password_changed',
        'expired')),
    CONSTRAINT sessions_user_agent_short CHECK (length(user_agent) <= 256)
);

-- Retention finds rows by the time in their id.
CREATE INDEX sessions_id_idx ON sessions (id);

COMMENT ON TABLE sessions IS 'One row from the first factor to the logout: pending, then active, then ended.';
COMMENT ON COLUMN sessions.id IS 'UUIDv7; the sid of access tokens, named by pre-auth and refresh tokens.';
COMMENT ON COLUMN sessions.user_id IS 'The account that it is a session of.';
COMMENT ON COLUMN sessions.state IS 'pending: the second factor is missing. active: signed in. ended: no token of it is accepted.';
COMMENT ON COLUMN sessions.methods IS 'What was verified, in order; acr and amr follow from it.';
COMMENT ON COLUMN sessions.proved_at IS 'When each of methods was last verified, in the same order; auth_time follows from both.';
COMMENT ON COLUMN sessions.password_changed_at IS 'users.password_changed_at when the first factor was verified. A pending session is invalid when they differ.';
COMMENT ON COLUMN sessions.attempts IS 'Second-factor attempts taken while pending.';
COMMENT ON COLUMN sessions.delivery IS 'How the client gets refresh tokens: in the body of responses, or as a cookie.';
COMMENT ON COLUMN sessions.refresh_counter IS 'Which refresh token of the series is the live one.';
COMMENT ON COLUMN sessions.rotated_at IS 'When refresh_counter was last increased.';
COMMENT ON COLUMN sessions.step_up_counter IS 'The refresh_counter after the last step-up: no older token gets a newer one.';
COMMENT ON COLUMN sessions.stepped_up_at IS 'When that step-up was.';
COMMENT ON COLUMN sessions.created_at IS 'When the first factor was verified.';
COMMENT ON COLUMN sessions.last_used_at IS 'When a token of it was last issued.';
COMMENT ON COLUMN sessions.expires_at IS 'Pending: when the pre-auth token expires. Active: the end that use does not move.';
COMMENT ON COLUMN sessions.idle_expires_at IS 'The end that use moves, never past expires_at. Set on activation, and kept after the end.';
COMMENT ON COLUMN sessions.ip IS 'The address that the login came from.';
COMMENT ON COLUMN sessions.user_agent IS 'The User-Agent of the login, cut to 256 characters.';
COMMENT ON COLUMN sessions.ended_at IS 'When it was ended before its time.';
COMMENT ON COLUMN sessions.end_reason IS 'Why it was ended before its time.';
