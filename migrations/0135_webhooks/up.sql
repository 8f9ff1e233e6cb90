CREATE TABLE webhooks (
    id                         uuid        NOT NULL,
    url                        text        NOT NULL,
    events                     text[]      NOT NULL,
    include_addresses          boolean     NOT NULL,
    format                     text        NOT NULL,
    state                      text        NOT NULL,
    sealed_secret              bytea       NOT NULL,
    sealed_previous_secret     bytea,
    previous_secret_expires_at timestamptz,
    created_at                 timestamptz NOT NULL,
    CONSTRAINT webhooks_pkey PRIMARY KEY (id),
    CONSTRAINT webhooks_format_known CHECK (format IN ('standard', 'caep')),
    CONSTRAINT webhooks_state_known CHECK (state IN ('enabled', 'disabled')),
    CONSTRAINT webhooks_previous_secret_ends CHECK ((sealed_previous_secret IS NULL) = (previous_secret_expires_at IS NULL))
);

COMMENT ON TABLE webhooks IS 'Endpoints of back ends that account events are sent to.';
COMMENT ON COLUMN webhooks.id IS 'UUIDv7; bound into its secrets.';
COMMENT ON COLUMN webhooks.url IS 'Where events are posted to.';
COMMENT ON COLUMN webhooks.events IS 'The types of events that it gets. Empty: all.';
COMMENT ON COLUMN webhooks.include_addresses IS 'Whether its messages contain the address and the name of the account.';
COMMENT ON COLUMN webhooks.format IS 'standard: Standard Webhooks. caep: Security Event Tokens (RFC 8417, RFC 8935).';
COMMENT ON COLUMN webhooks.state IS 'enabled: it gets events. disabled: no event is written for it, and nothing is sent.';
COMMENT ON COLUMN webhooks.sealed_secret IS 'The secret that its messages are signed with (encrypted).';
COMMENT ON COLUMN webhooks.sealed_previous_secret IS 'The secret before that one, which signs along for a while (encrypted).';
COMMENT ON COLUMN webhooks.previous_secret_expires_at IS 'Until when that secret signs along.';
COMMENT ON COLUMN webhooks.created_at IS 'When it was created.';

-- webhook_id has no foreign key: its check would lock the row of the endpoint in every transaction that writes an event,
-- and no request may wait for an administrator. Rows of an endpoint that is gone are deleted by retention.
-- subject_id and event_id name a row of the trail, which has no foreign keys either: an event outlives its account.
CREATE TABLE webhook_deliveries (
    webhook_id  uuid        NOT NULL,
    event_id    uuid        NOT NULL,
    subject_id  uuid        NOT NULL,
    occurred_at timestamptz NOT NULL,
    event_type  text        NOT NULL,
    state       text        NOT NULL DEFAULT 'pending',
    attempts    integer     NOT NULL DEFAULT 0,
    next_try_at timestamptz NOT NULL,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    last_status integer,
    last_error  text,
    ended_at    timestamptz,
    CONSTRAINT webhook_deliveries_pkey PRIMARY KEY (webhook_id, event_id),
    CONSTRAINT webhook_deliveries_state_known CHECK (state IN ('pending', 'delivered', 'dead')),
    CONSTRAINT webhook_deliveries_end CHECK ((state = 'pending') = (ended_at IS NULL)),
    CONSTRAINT webhook_deliveries_dead_explained CHECK (state <> 'dead' OR last_error IS NOT NULL),
    CONSTRAINT webhook_deliveries_last_error_short CHECK (length(last_error) <= 200)
);

CREATE INDEX webhook_deliveries_due_idx ON webhook_deliveries (webhook_id, next_try_at) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_ended_idx ON webhook_deliveries (state, ended_at) WHERE state <> 'pending';

COMMENT ON TABLE webhook_deliveries IS 'Account events for each endpoint that asked for them, written in the transaction that caused the event. They contain no personal data: a message is made of the row of the trail when it is sent.';
COMMENT ON COLUMN webhook_deliveries.webhook_id IS 'The endpoint.';
COMMENT ON COLUMN webhook_deliveries.event_id IS 'The row of the trail, and the id of the message: the same with each try, so that the receiver recognizes repetitions.';
COMMENT ON COLUMN webhook_deliveries.subject_id IS 'The first column of the key of the trail: whom the event concerns or, without an account, the event itself.';
COMMENT ON COLUMN webhook_deliveries.occurred_at IS 'When it happened: the column of the partitions of the trail.';
COMMENT ON COLUMN webhook_deliveries.event_type IS 'What happened, such as session.ended.';
COMMENT ON COLUMN webhook_deliveries.state IS 'pending: to be sent. delivered: the receiver took it. dead: given up.';
COMMENT ON COLUMN webhook_deliveries.attempts IS 'How often it was taken to be sent, since it was written or replayed.';
COMMENT ON COLUMN webhook_deliveries.next_try_at IS 'The earliest time of the next try; while an instance is sending it, the end of that try.';
COMMENT ON COLUMN webhook_deliveries.created_at IS 'When it was written or replayed.';
COMMENT ON COLUMN webhook_deliveries.expires_at IS 'From when on it is not tried again.';
COMMENT ON COLUMN webhook_deliveries.last_status IS 'The HTTP status of the last answer.';
COMMENT ON COLUMN webhook_deliveries.last_error IS 'Why the last try failed, in words of this program.';
COMMENT ON COLUMN webhook_deliveries.ended_at IS 'When it was delivered or given up.';
