-- Nullable: releases before this one make accounts without it. Their changes of an account leave it as it is, so while
-- they run beside this one, messages to webhooks may tell two states with one time.
ALTER TABLE users ADD COLUMN changed_at timestamptz;

COMMENT ON COLUMN users.changed_at IS 'Since when the account has its address, the verification of that address, its user name and its status, by which receivers of webhooks order what messages tell. Each change is later than the one before, whatever the clocks of instances say. NULL: since its creation.';
