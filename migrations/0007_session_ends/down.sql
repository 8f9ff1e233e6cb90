ALTER TABLE sessions DROP CONSTRAINT sessions_end_reason_known, DROP COLUMN delivery;
