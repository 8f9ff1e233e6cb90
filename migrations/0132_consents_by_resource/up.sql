ALTER TABLE consents ADD COLUMN audience text NOT NULL DEFAULT '';

ALTER TABLE consents ALTER COLUMN audience DROP DEFAULT;

ALTER TABLE consents DROP CONSTRAINT consents_pkey;

ALTER TABLE consents ADD CONSTRAINT consents_pkey PRIMARY KEY (user_id, client_id, audience);

COMMENT ON TABLE consents IS 'What users allowed applications for a resource, so that they are not asked again.';
COMMENT ON COLUMN consents.audience IS 'The resource that the scopes were allowed for. Empty: it was not stored, and the consent counts for no resource.';
