ALTER TABLE audit_events ADD COLUMN provider text;

COMMENT ON COLUMN audit_events.provider IS 'The id of the upstream provider concerned, as the file of providers had it then. NULL: there is none.';
