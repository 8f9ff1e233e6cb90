CREATE TABLE released_usernames (
    username    text        NOT NULL,
    released_by uuid        NOT NULL,
    rests_until timestamptz NOT NULL,
    CONSTRAINT released_usernames_pkey PRIMARY KEY (username)
);

CREATE INDEX released_usernames_rests_until_idx ON released_usernames (rests_until);
CREATE INDEX released_usernames_released_by_idx ON released_usernames (released_by);

COMMENT ON TABLE released_usernames IS 'User names that an account gave up, and that no other account may take yet.';
COMMENT ON COLUMN released_usernames.username IS 'The name in canonical form.';
COMMENT ON COLUMN released_usernames.released_by IS 'The account that had the name and may take it back; no foreign key, since the row outlives a deleted account.';
COMMENT ON COLUMN released_usernames.rests_until IS 'From then on any account may take the name.';
