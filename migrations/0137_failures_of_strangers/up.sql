ALTER TABLE users ADD COLUMN failed_passwords_of_strangers integer NOT NULL DEFAULT 0;

ALTER TABLE users ADD COLUMN failed_codes_of_strangers integer NOT NULL DEFAULT 0;

ALTER TABLE users ADD CONSTRAINT users_failed_passwords_of_strangers_counted CHECK (failed_passwords_of_strangers >= 0) NOT VALID;

ALTER TABLE users VALIDATE CONSTRAINT users_failed_passwords_of_strangers_counted;

ALTER TABLE users ADD CONSTRAINT users_failed_codes_of_strangers_counted CHECK (failed_codes_of_strangers >= 0) NOT VALID;

ALTER TABLE users VALIDATE CONSTRAINT users_failed_codes_of_strangers_counted;

COMMENT ON COLUMN users.failed_passwords_of_strangers IS 'How many of failed_passwords came from networks that the owner was not known by: after fifty, the password is accepted from known networks only.';
COMMENT ON COLUMN users.failed_codes_of_strangers IS 'Wrong second factors from networks that the owner was not known by, since a right one from such a network: after fifty, codes are accepted from known networks only.';
