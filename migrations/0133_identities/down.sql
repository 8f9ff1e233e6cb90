DELETE FROM account_names WHERE name LIKE 'federated:%';

DROP TABLE identities;

COMMENT ON TABLE account_names IS 'Which account has a name: an address, which contains an at sign, or a user name, which does not. Its key makes names unique, also where the accounts are on several servers. No foreign key: a row outlives a deleted account, and such a key would have to contain the name.';
COMMENT ON COLUMN account_names.name IS 'The canonical address or user name.';
