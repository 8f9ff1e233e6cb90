ALTER TABLE users DROP COLUMN failed_codes_of_strangers;

ALTER TABLE users DROP COLUMN failed_passwords_of_strangers;
