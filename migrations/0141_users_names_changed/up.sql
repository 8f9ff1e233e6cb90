-- Nullable: releases before this one make accounts without it. Their change of a name leaves it as it is, so while they
-- run beside this one, messages to webhooks may tell two names with one time.
ALTER TABLE users ADD COLUMN names_changed_at timestamptz;

COMMENT ON COLUMN users.names_changed_at IS 'Since when the account has its address, the verification of that address and its user name, by which receivers of webhooks order the names that messages tell. Each change is later than the one before, whatever the clocks of instances say. NULL: since its creation.';
