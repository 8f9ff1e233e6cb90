CREATE TABLE account_names (
    name           text        NOT NULL,
    user_id        uuid        NOT NULL,
    reserved_until timestamptz,
    CONSTRAINT account_names_pkey PRIMARY KEY (name),
    CONSTRAINT account_names_canonical CHECK (name = lower(name) AND length(name) BETWEEN 3 AND 254)
);

CREATE INDEX account_names_user_id_idx ON account_names (user_id) WHERE reserved_until IS NOT NULL;
CREATE INDEX account_names_reserved_until_idx ON account_names (reserved_until) WHERE reserved_until IS NOT NULL;

COMMENT ON TABLE account_names IS 'Which account has a name: an address, which contains an at sign, or a user name, which does not. Its key makes names unique, also where the accounts are on several servers. No foreign key: a row outlives a deleted account, and such a key would have to contain the name.';
COMMENT ON COLUMN account_names.name IS 'The canonical address or user name.';
COMMENT ON COLUMN account_names.user_id IS 'The account that has the name or, while it is reserved, that gave it up and may take it back.';
COMMENT ON COLUMN account_names.reserved_until IS 'For a user name that its account gave up: from then on any account may take it.';
