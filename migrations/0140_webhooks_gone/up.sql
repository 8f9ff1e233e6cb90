ALTER TABLE webhooks ADD COLUMN gone_at timestamptz;

COMMENT ON COLUMN webhooks.gone_at IS 'When it answered 410, by which the service disabled it. NULL: it did not, or an operator has changed the state since.';
