ALTER TABLE passkeys DROP COLUMN signs_in_alone;
