CREATE TABLE user_handles (
    user_handle bytea NOT NULL,
    user_id     uuid  NOT NULL,
    CONSTRAINT user_handles_pkey PRIMARY KEY (user_handle),
    CONSTRAINT user_handles_length CHECK (octet_length(user_handle) BETWEEN 1 AND 64)
);

COMMENT ON TABLE user_handles IS 'Which account has a user handle that another program gave it. Its key makes handles unique, also where the accounts are on several servers. No foreign key: such a key would have to contain the handle. Rows are removed with the last passkey that has the handle.';
COMMENT ON COLUMN user_handles.user_handle IS 'The handle, which a passkey repeats at each sign-in.';
COMMENT ON COLUMN user_handles.user_id IS 'The account that it names.';

ALTER TABLE passkeys ADD COLUMN user_handle bytea;

ALTER TABLE passkeys ADD CONSTRAINT passkeys_user_handle_length CHECK (octet_length(user_handle) BETWEEN 0 AND 64);

COMMENT ON COLUMN passkeys.user_handle IS 'What the passkey names its user by, if another program registered it; empty if that is not known. NULL: the id of the account.';

ALTER TABLE passkeys ALTER COLUMN backup_eligible DROP NOT NULL;

COMMENT ON COLUMN passkeys.backup_eligible IS 'Whether the key may leave its device. Never changes. NULL: the program that registered it did not note it, so the first use says it.';
