ALTER TABLE users DROP COLUMN first_signed_in_at;
