ALTER TABLE users DROP COLUMN names_changed_at;
