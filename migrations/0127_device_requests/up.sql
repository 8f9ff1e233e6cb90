CREATE TABLE device_requests (
    id             uuid        NOT NULL,
    client_id      uuid        NOT NULL,
    scopes         text[]      NOT NULL,
    audience       text        NOT NULL,
    state          text        NOT NULL,
    user_id        uuid,
    session_id     uuid,
    grant_id       uuid,
    poll_interval  integer     NOT NULL,
    polled_at      timestamptz,
    created_at     timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    CONSTRAINT device_requests_pkey PRIMARY KEY (id),
    CONSTRAINT device_requests_state_known CHECK (state IN ('waiting', 'claimed', 'approved', 'denied')),
    CONSTRAINT device_requests_claimed CHECK ((state = 'waiting') = (user_id IS NULL) AND (user_id IS NULL) = (session_id IS NULL)),
    CONSTRAINT device_requests_approved CHECK ((state = 'approved') = (grant_id IS NOT NULL))
);

CREATE INDEX device_requests_expires_at_idx ON device_requests (expires_at);

COMMENT ON TABLE device_requests IS 'Devices that wait for a user to sign in elsewhere (RFC 8628).';
COMMENT ON COLUMN device_requests.id IS 'Made of the keyed hash of the user code, so that both codes lead to the row and the table contains neither.';
COMMENT ON COLUMN device_requests.client_id IS 'The application on the device. No foreign key: rows live for minutes, and a request of an application that is gone is refused.';
COMMENT ON COLUMN device_requests.scopes IS 'What it asks for.';
COMMENT ON COLUMN device_requests.audience IS 'The resource that its access tokens are for.';
COMMENT ON COLUMN device_requests.state IS 'waiting: for a user. claimed: a user has seen it. approved, denied: they have decided.';
COMMENT ON COLUMN device_requests.user_id IS 'The user who saw it first; no other one may decide. No foreign key: the rows of users are on other servers.';
COMMENT ON COLUMN device_requests.session_id IS 'The session in which they saw it; no other one may decide.';
COMMENT ON COLUMN device_requests.grant_id IS 'The grant that the approval made, which the device picks up.';
COMMENT ON COLUMN device_requests.poll_interval IS 'How many seconds the device has to wait between two questions.';
COMMENT ON COLUMN device_requests.polled_at IS 'When it last asked.';
COMMENT ON COLUMN device_requests.created_at IS 'When it was made.';
COMMENT ON COLUMN device_requests.expires_at IS 'Until when a user may decide and the device may ask.';
