-- Without their resource, consents to one would count for all. Users are asked again.
DELETE FROM consents;

ALTER TABLE consents DROP CONSTRAINT consents_pkey;

ALTER TABLE consents ADD CONSTRAINT consents_pkey PRIMARY KEY (user_id, client_id);

ALTER TABLE consents DROP COLUMN audience;

COMMENT ON TABLE consents IS 'What users allowed applications, so that they are not asked again.';
