CREATE TABLE unfinished_registrations (
    user_id    uuid        NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT unfinished_registrations_pkey PRIMARY KEY (user_id),
    CONSTRAINT unfinished_registrations_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
);

COMMENT ON TABLE unfinished_registrations IS 'Accounts that were registered without a password, and wait for their passkey. Afterwards the row is of no use, and is deleted.';
COMMENT ON COLUMN unfinished_registrations.user_id IS 'The account.';
COMMENT ON COLUMN unfinished_registrations.expires_at IS 'When its pre-auth token expires. From then on an account without a way in is deleted, and its names are free.';
