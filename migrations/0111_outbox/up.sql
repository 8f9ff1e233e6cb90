CREATE TABLE outbox (
    id             uuid        NOT NULL,
    channel        text        NOT NULL,
    kind           text        NOT NULL,
    sealed_message bytea       NOT NULL,
    state          text        NOT NULL DEFAULT 'pending',
    attempts       integer     NOT NULL DEFAULT 0,
    refusals       integer     NOT NULL DEFAULT 0,
    created_at     timestamptz NOT NULL,
    next_try_at    timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    last_error     text,
    CONSTRAINT outbox_pkey PRIMARY KEY (id),
    CONSTRAINT outbox_channel_known CHECK (channel IN ('email', 'sms')),
    CONSTRAINT outbox_state_known CHECK (state IN ('pending', 'dead')),
    CONSTRAINT outbox_dead_explained CHECK (state <> 'dead' OR last_error IS NOT NULL),
    CONSTRAINT outbox_last_error_short CHECK (length(last_error) <= 200)
);

CREATE INDEX outbox_due_idx ON outbox (channel, next_try_at) WHERE state = 'pending';

COMMENT ON TABLE outbox IS 'Messages to users, written in the transaction that caused them. A row is deleted when its message was delivered.';
COMMENT ON COLUMN outbox.id IS 'UUIDv7; bound into sealed_message, and sent with every attempt so that the receiver recognizes repetitions.';
COMMENT ON COLUMN outbox.channel IS 'email or sms.';
COMMENT ON COLUMN outbox.kind IS 'What it is about; for logs and metrics.';
COMMENT ON COLUMN outbox.sealed_message IS 'The addressee, the language and the content (encrypted).';
COMMENT ON COLUMN outbox.state IS 'pending: to be sent. dead: given up, kept for operators.';
COMMENT ON COLUMN outbox.attempts IS 'How often it was taken to be sent; distinguishes the present attempt from one that took too long.';
COMMENT ON COLUMN outbox.refusals IS 'How often the receiving server refused it for good.';
COMMENT ON COLUMN outbox.created_at IS 'When it was written.';
COMMENT ON COLUMN outbox.next_try_at IS 'The earliest time of the next attempt; while an instance is sending it, the end of that attempt.';
COMMENT ON COLUMN outbox.expires_at IS 'When it becomes useless to send it.';
COMMENT ON COLUMN outbox.last_error IS 'Why it was not sent, without the text or the destination.';
