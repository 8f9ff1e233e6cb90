ALTER TABLE clients ADD COLUMN dpop_bound_access_tokens boolean NOT NULL DEFAULT false;

COMMENT ON COLUMN clients.dpop_bound_access_tokens IS 'Whether it gets only tokens that are bound to a key of its own (RFC 9449).';
